import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { createAlarm } from './alarm.ts'

function openAlarm(run: () => number | undefined | Promise<number | undefined>) {
  const errors: unknown[] = []
  const alarm = createAlarm({
    now: () => Date.now(),
    restMsMax: 5000,
    run: async () => run(),
    onError: (cause) => errors.push(cause),
  })
  return { alarm, errors }
}

/** Lets what a turn has awaited go on; the clock stands still. */
async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

test('it begins at once, then rings exactly when something is due, and at the latest after its rest', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  let turns = 0
  const due: (number | undefined)[] = [Date.now() + 700, undefined, undefined]
  const { alarm } = openAlarm(() => due[turns++])
  alarm.start()
  await settled()
  equal(turns, 1)
  t.mock.timers.tick(699)
  equal(turns, 1)
  t.mock.timers.tick(1)
  equal(turns, 2)
  await settled()
  t.mock.timers.tick(4999)
  equal(turns, 2)
  t.mock.timers.tick(1)
  equal(turns, 3)
  await alarm.stop()
  t.mock.timers.tick(60_000)
  equal(turns, 3)
})

test('an earlier instant that is told wakes it then, also one told during a turn', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  let turns = 0
  const { alarm } = openAlarm(() => {
    if (turns++ === 1) alarm.expect(Date.now() + 50)
    return undefined
  })
  alarm.start()
  await settled()
  alarm.expect(Date.now() + 300)
  alarm.expect(Date.now() + 900)
  t.mock.timers.tick(300)
  equal(turns, 2)
  await settled()
  t.mock.timers.tick(50)
  equal(turns, 3)
  await alarm.stop()
})

test('a turn that fails is told, and tried again a second later', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  let turns = 0
  const { alarm, errors } = openAlarm(() => {
    if (turns++ === 0) throw new Error('no')
    return undefined
  })
  alarm.start()
  await settled()
  equal(errors.length, 1)
  t.mock.timers.tick(999)
  equal(turns, 1)
  t.mock.timers.tick(1)
  equal(turns, 2)
  await alarm.stop()
})
