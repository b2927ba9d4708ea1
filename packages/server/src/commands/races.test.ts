import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder } from '@nexus/contract'
import fc from 'fast-check'
import { Failure } from '../core/failure.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'

/** Another one with each run, and told with a failure; what races for real is not the same for the same seed. */
const { NEXUS_TEST_RACES_SEED: seed } = process.env
const seeded = seed === undefined ? {} : { seed: Number(seed) }

const ends = ['completed', 'failed', 'timeout', 'cancelled']

/** What a device has, and whoever speaks with it may do, all at once. */
type Deed = 'cancel' | 'complete' | 'fail' | 'give up' | 'progress' | 'ack' | 'renew' | 'sweep' | 'retry' | 'late'

const deeds = fc.constantFrom<Deed>(
  'cancel',
  'complete',
  'fail',
  'give up',
  'progress',
  'ack',
  'renew',
  'sweep',
  'retry',
  'late',
)

async function perform(room: CommandsRoom, command_id: string, order: ExecutionOrder, deed: Deed): Promise<unknown> {
  const held = { execution_id: order.execution_id, lease_token: order.lease_token }
  switch (deed) {
    case 'cancel':
      return room.call('commands.cancel', { command_id })
    case 'complete':
      return room.finish(order, { result: { by: deed } })
    case 'fail':
      return room.finish(order, { status: 'failed' })
    case 'give up':
      return room.finish(order, { status: 'cancelled' })
    case 'progress':
      return room.call('executions.progress', { ...held, seq: 1, percent: 1 })
    case 'ack':
      return room.call('executions.ack', { ...held, status: 'accepted' })
    case 'renew':
      return room.state.write((tx) =>
        room.work.report(tx, [{ id: order.execution_id, leaseToken: order.lease_token, kind: 'alive' }]),
      )
    case 'sweep':
      return room.work.sweep()
    case 'retry':
      return room.call('commands.retry', { command_id })
    case 'late':
      return room.call('executions.logs', { ...held, lines: [{ message: 'x' }] })
    default:
      return deed satisfies never
  }
}

for (const { name, skip, fresh } of await enginesUnderTest()) {
  test(`${name}: whoever cancels, completes and retries a command at once, it stands as its executions do, and ends once`, {
    skip: skip ?? false,
  }, async (t) => {
    const options = await fresh(t)
    const first = await openCommandsRoom(t, options)
    // Two nodes over one state, where the engine takes that.
    const second = name === 'PostgreSQL' ? await openCommandsRoom(t, { ...options, clock: first.clock }) : first
    let seen: string | undefined
    const property = fc.asyncProperty(
      fc.array(fc.array(fc.tuple(deeds, fc.boolean()), { minLength: 2, maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 2 }),
      async (rounds, max_attempts) => {
        const { command_id } = await first.submit({ delivery: { max_attempts }, timeout_seconds: 60 })
        const [order] = (await first.lease()).filter((one) => one.command_id === command_id)
        for (const round of rounds) {
          const doing = round.map(([deed, isSecond]) => perform(isSecond ? second : first, command_id, order!, deed))
          for (const outcome of await Promise.allSettled(doing)) {
            if (outcome.status === 'fulfilled') continue
            ok(outcome.reason instanceof Failure && outcome.reason.code === 'CONFLICT', String(outcome.reason?.stack))
          }
        }
        await first.pass(61_000)
        await first.call('commands.cancel', { command_id }).catch(() => {})
        await first.pass(3_600_000)
        const command = await first.call('commands.get', { command_id })
        ok(ends.includes(command.status), command.status)
        const { executions } = await first.call('commands.executions.list', { command_id })
        deepEqual(
          executions.map(({ status }) => status),
          [command.status],
        )
        equal(command.summary[command.status], 1)
        equal(
          Object.values(command.summary).reduce((sum, count) => sum + count, 0),
          1,
        )
        const told = await first.toldOfCommands(seen)
        const everywhere = first === second ? told : [...told, ...(await second.toldOfCommands(seen))]
        seen = told.at(-1)!.id
        const unique = new Map(
          everywhere.filter(({ data }) => data.command_id === command_id).map((event) => [event.id, event]),
        )
        const finishing = [...unique.values()].filter(
          ({ type, data }) => ends.includes(type.slice(8)) && !data.late && `command.${data.status}` === type,
        )
        equal(finishing.length, 1, JSON.stringify(finishing))
        const seqs = [...unique.values()].map(({ data }) => data.seq as number).sort((a, b) => a - b)
        deepEqual(
          seqs,
          seqs.map((_, i) => i + 1),
        )
        // Retries are commands of their own.
        for (const { execution_id, lease_token } of await first.lease())
          await first.finish({ execution_id, lease_token })
      },
    )
    await fc.assert(property, {
      ...seeded,
      numRuns: Number(process.env.NEXUS_TEST_RACES_RUNS ?? 25),
      endOnFailure: true,
    })
  })
}
