import { deepEqual, equal, rejects } from 'node:assert/strict'
import type { EventStore, LoggedEvent } from '../../../events/index.ts'
import type { StateEngine } from '../engine.ts'

type Body = (opened: { engine: StateEngine; events: EventStore }) => Promise<void>

/** What the log of events guarantees, on each state engine. */
export function eventGuarantees(guarantee: (title: string, body: Body) => void): void {
  guarantee('events are read in order, by type and by trace, and one that rolled back is not there', async (state) => {
    const { engine, events } = state
    const append = (seq: number, more: Partial<LoggedEvent> = {}) =>
      engine.write((tx) => events.append(tx, loggedEvent(seq, more)))
    for (const seq of [3, 1, 2]) await append(seq)
    await append(4, { type: 'task.failed', traceId: 'b'.repeat(32), causeId: 'evt-3', at: 9000 })
    await rejects(
      engine.write(async (tx) => {
        await events.append(tx, loggedEvent(5))
        throw new Error('no')
      }),
      /no/,
    )
    const types = ['command.failed', 'task.failed'] as const
    const seqs = (found: LoggedEvent[]) => found.map(({ seq }) => seq)
    const read = async (range: Parameters<typeof events.read>[0]) => {
      const page = await events.read(range)
      return [seqs(page.events), page.upTo]
    }
    deepEqual(await read({ after: 0, upTo: 99, types, limit: 9 }), [[1, 2, 3, 4], 99])
    deepEqual(await read({ after: 1, upTo: 3, types, limit: 1 }), [[2], 2])
    deepEqual(await read({ after: 4, upTo: 99, types, limit: 1 }), [[], 99])
    const { events: failed } = await events.read({ after: 0, upTo: 99, types: ['task.failed'], limit: 9 })
    deepEqual(failed, [loggedEvent(4, { type: 'task.failed', traceId: 'b'.repeat(32), causeId: 'evt-3', at: 9000 })])
    deepEqual(await events.read({ after: 0, upTo: 99, types, limit: 9, traceId: 'b'.repeat(32) }), {
      events: failed,
      upTo: 99,
    })
    deepEqual([await events.firstSince(8000), await events.firstSince(9001)], [4, undefined])
  })

  guarantee('large events are read few at a time, and one that is larger than that by itself', async (state) => {
    const { engine, events } = state
    const sizes = [1000, 200_000, 300_000, 100, 100]
    for (const [i, size] of sizes.entries())
      await engine.write((tx) => events.append(tx, loggedEvent(i + 1, { data: { text: 'x'.repeat(size) } })))
    const pages: number[][] = []
    for (let after = 0; after < 99; ) {
      const page = await events.read({ after, upTo: 99, types: ['command.failed'], limit: 9 })
      pages.push(page.events.map(({ seq }) => seq))
      after = page.upTo
    }
    // Sealed and written as text a byte takes four thirds of one.
    deepEqual(pages, [[1], [2], [3], [4, 5]])
  })

  guarantee('events are trimmed by age and by number, and it is known up to which', async ({ engine, events }) => {
    for (const seq of [1, 2, 3, 4, 5])
      await engine.write((tx) => events.append(tx, loggedEvent(seq, { at: seq * 1000 })))
    const left = async () => {
      const found = await events.read({ after: 0, upTo: 99, types: ['command.failed'], limit: 9 })
      return [found.events.map(({ seq }) => seq), await events.trimmedUpTo()]
    }
    equal(await events.trim(0, 10), false)
    deepEqual(await left(), [[1, 2, 3, 4, 5], 0])
    await events.trim(2500, 10)
    deepEqual(await left(), [[3, 4, 5], 2])
    await events.trim(0, 1)
    deepEqual(await left(), [[5], 4])
  })
}

function loggedEvent(seq: number, more: Partial<LoggedEvent> = {}): LoggedEvent {
  const event = {
    seq,
    type: 'command.failed',
    at: 1000,
    subject: 'd',
    data: { n: 1 },
    traceId: 'a'.repeat(32),
  } as const
  return { ...event, causeId: null, ...more }
}
