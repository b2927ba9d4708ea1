import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { mapInTurns, Turns } from './turns.ts'

test('long work lets others run between its parts, and short work is not held up', async () => {
  let others = 0
  const other = setInterval(() => others++, 0)
  const turns = new Turns()
  let handedOver = 0
  for (let step = 0; step < 1_000_000; step += 1000) {
    const turn = turns.after(1000)
    if (turn) handedOver++
    await turn
  }
  clearInterval(other)
  equal(handedOver, 50)
  equal(others > 0, true)
  equal(new Turns().after(100), undefined)
})

test('work that nobody waits for any more ends at the next turn, with the reason', async () => {
  const gone = new AbortController()
  const turns = new Turns(gone.signal)
  gone.abort(new Error('hung up'))
  await rejects(async () => turns.after(1_000_000), /hung up/)
})

test('what is mapped in turns counts as much as each value says', async () => {
  const gone = new AbortController()
  deepEqual(await mapInTurns([1, 2, 3], gone.signal, (value) => value * 2), [2, 4, 6])
  gone.abort(new Error('hung up'))
  const wide = Array.from({ length: 10 }, () => 1)
  await rejects(
    mapInTurns(
      wide,
      gone.signal,
      (value) => value,
      () => 5000,
    ),
    /hung up/,
  )
})
