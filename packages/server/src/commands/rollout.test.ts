import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandRollout } from '@nexus/contract'
import fc from 'fast-check'
import { type Counts, noCounts } from './record.ts'
import { nextStep, type RolloutStep, type RolloutView } from './rollout.ts'

const now = 1_000_000

type Case = [
  rollout: CommandRollout,
  counts: Partial<Counts>,
  state: Partial<RolloutView['state']>,
  step: Partial<RolloutStep>,
]

/** Of ten targets; `pending` is what is left. */
const cases: Record<string, Case> = {
  'without bounds all go at once': [{ abort: { failed_percent: 50 } }, {}, {}, { release: 10 }],
  'a window at a time': [{ max_concurrency: 3 }, {}, {}, { release: 3 }],
  'as many as have ended': [
    { max_concurrency: 3 },
    { completed: 1, failed: 1, running: 1 },
    { released: 3 },
    { release: 2 },
  ],
  'none while the window is full': [{ max_concurrency: 3 }, { running: 2 }, { released: 3 }, {}],
  'no more than there are': [{ max_concurrency: 3 }, { completed: 9 }, { released: 9 }, { release: 1 }],
  'none when all were released': [{ max_concurrency: 3 }, { completed: 9 }, { released: 10 }, {}],
  'the canary alone': [{ canary: 2 }, {}, {}, { release: 2 }],
  'the canary inside of the window': [{ canary: 4, max_concurrency: 3 }, {}, {}, { release: 3 }],
  'none until all of the canary have completed': [{ canary: 2 }, { completed: 1, running: 1 }, { released: 2 }, {}],
  'the others once they have': [{ canary: 2 }, { completed: 2 }, { released: 2 }, { release: 8 }],
  'a canary of more than there are': [{ canary: 20 }, { completed: 3 }, { released: 10 }, {}],
  'a canary that fails aborts': [
    { canary: 2 },
    { completed: 1, failed: 1 },
    { released: 2 },
    { abort: reason('canary_failed') },
  ],
  'a canary that is too slow aborts': [
    { canary: 2 },
    { timeout: 1 },
    { released: 2 },
    { abort: reason('canary_failed') },
  ],
  'a canary that was cancelled aborts': [
    { canary: 2 },
    { cancelled: 1 },
    { released: 2 },
    { abort: reason('canary_failed') },
  ],
  'a failure after the canary does not': [{ canary: 2 }, { completed: 2, failed: 1 }, { released: 3 }, { release: 7 }],
  'at a pace': [{ rate_per_minute: 60 }, {}, {}, { release: 1, nextAt: now + 1000, wakeAt: now + 1000 }],
  'in whole milliseconds, never too soon': [
    { rate_per_minute: 7 },
    {},
    {},
    { release: 1, nextAt: now + 8572, wakeAt: now + 8572 },
  ],
  'several at once where the pace is high': [
    { rate_per_minute: 1250 },
    {},
    {},
    { release: 2, nextAt: now + 96, wakeAt: now + 96 },
  ],
  'not before its time': [
    { rate_per_minute: 60 },
    {},
    { released: 1, nextAt: now + 1 },
    { nextAt: now + 1, wakeAt: now + 1 },
  ],
  'at its time': [
    { rate_per_minute: 60 },
    {},
    { released: 1, nextAt: now },
    { release: 1, nextAt: now + 1000, wakeAt: now + 1000 },
  ],
  'what was missed is not made up for': [
    { rate_per_minute: 60 },
    {},
    { released: 1, nextAt: now - 60_000 },
    { release: 1, nextAt: now + 1000, wakeAt: now + 1000 },
  ],
  'no look at the clock without room': [
    { rate_per_minute: 60, max_concurrency: 1 },
    {},
    { released: 1, nextAt: now - 1 },
    { nextAt: now - 1 },
  ],
  'no look at the clock after the last': [
    { rate_per_minute: 60 },
    { completed: 9 },
    { released: 9, nextAt: now },
    { release: 1, nextAt: now + 1000 },
  ],
  'paused: none': [{ max_concurrency: 3 }, { completed: 3 }, { released: 3, paused: true }, {}],
  'paused: it may still be aborted': [
    { canary: 1 },
    { failed: 1 },
    { released: 1, paused: true },
    { abort: reason('canary_failed') },
  ],
  'too many failed': [
    { abort: { failed_percent: 20 } },
    { completed: 4, failed: 1 },
    { released: 10 },
    { abort: reason('failed_percent') },
  ],
  'too slow is failed': [
    { abort: { failed_percent: 20 } },
    { completed: 4, timeout: 1 },
    { released: 10 },
    { abort: reason('failed_percent') },
  ],
  'cancelled is not': [{ abort: { failed_percent: 20 } }, { completed: 4, cancelled: 1 }, { released: 10 }, {}],
  'below the percentage': [{ abort: { failed_percent: 20.1 } }, { completed: 4, failed: 1 }, { released: 10 }, {}],
  'before enough have ended': [{ abort: { failed_percent: 1, min_executed: 3 } }, { failed: 2 }, { released: 10 }, {}],
  'nothing once all have ended': [{ abort: { failed_percent: 1 } }, { failed: 10 }, { released: 10 }, {}],
}

for (const [title, [rollout, counts, state, expected]] of Object.entries(cases)) {
  test(`a roll-out releases: ${title}`, () => {
    const view = { rollout, ...standing(counts), state: { released: 0, nextAt: null, paused: false, ...state } }
    const { abort, ...step } = nextStep(view, now)
    const { abort: expectedAbort = null, ...rest } = expected
    deepEqual(step, { release: 0, nextAt: state.nextAt ?? null, wakeAt: null, ...rest })
    equal(abort?.reason, expectedAbort?.reason)
  })
}

function reason(reason: 'canary_failed' | 'failed_percent') {
  return { reason, issue: '' }
}

function standing(counts: Partial<Counts>) {
  const others = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return { targetCount: 10, counts: { ...noCounts, pending: 10 - others, ...counts } }
}

const outcomes = ['completed', 'failed', 'timeout', 'cancelled'] as const
type Outcome = (typeof outcomes)[number]

const rollouts: fc.Arbitrary<CommandRollout> = fc.record(
  {
    canary: fc.integer({ min: 1, max: 8 }),
    max_concurrency: fc.integer({ min: 1, max: 8 }),
    rate_per_minute: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 500, max: 5000 })),
    abort: fc.record({
      failed_percent: fc.integer({ min: 1, max: 100 }),
      min_executed: fc.integer({ min: 1, max: 9 }),
    }),
  },
  { requiredKeys: [] },
)

test('whatever becomes of executions, bounds are kept and a roll-out comes to its end', () => {
  fc.assert(
    fc.property(
      rollouts,
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.record({ outcome: fc.constantFrom(...outcomes), takesMs: fc.nat(90_000), lateMs: fc.nat(3000) }), {
        minLength: 40,
        maxLength: 40,
      }),
      (rollout, targetCount, fates) => play(rollout, targetCount, fates),
    ),
    { numRuns: 500 },
  )
})

/** Runs a roll-out by its own steps alone; it is looked at when it asked for it, or later, and when an execution ends. */
function play(
  rollout: CommandRollout,
  targetCount: number,
  fates: readonly { outcome: Outcome; takesMs: number; lateMs: number }[],
): void {
  const counts: Record<keyof Counts, number> = { ...noCounts, pending: targetCount }
  const state: RolloutView['state'] = { released: 0, nextAt: null, paused: false }
  const under: { endsAt: number; outcome: Outcome }[] = []
  const released: number[] = []
  let at = 0
  for (let turn = 0; ; turn++) {
    ok(turn < 1000, 'it comes to an end')
    const step = nextStep({ rollout, targetCount, counts, state }, at)
    if (step.abort) return
    for (let i = 0; i < step.release; i++) {
      const { outcome, takesMs } = fates[state.released + i]!
      under.push({ endsAt: at + takesMs, outcome })
      released.push(at)
    }
    state.released += step.release
    state.nextAt = step.nextAt
    ok(under.length <= (rollout.max_concurrency ?? targetCount), 'no more are under way than may be')
    ok(state.released <= targetCount)
    const isFirst = counts.completed < Math.min(rollout.canary ?? 0, targetCount)
    if (isFirst) ok(state.released <= rollout.canary!, 'the canary goes alone')
    const ends = Math.min(...under.map(({ endsAt }) => endsAt))
    const wakes = step.wakeAt === null ? Number.POSITIVE_INFINITY : step.wakeAt + fates[turn % fates.length]!.lateMs
    const next = Math.min(ends, wakes)
    if (next === Number.POSITIVE_INFINITY) break
    at = Math.max(at, next)
    for (const { outcome } of under.filter(({ endsAt }) => endsAt <= at)) {
      counts.pending--
      counts[outcome]++
    }
    under.splice(0, under.length, ...under.filter(({ endsAt }) => endsAt > at))
  }
  equal(state.released, targetCount, 'all were released')
  equal(counts.pending, 0)
  const rate = rollout.rate_per_minute ?? Number.POSITIVE_INFINITY
  for (const from of released)
    ok(released.filter((each) => each >= from && each < from + 60_000).length <= rate, 'no minute has more than it may')
}
