import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { ExecutionOrder } from '@nexus/contract'
import { type CommandsRoom, openCommandsRoom } from '../testing/commands-room.ts'

type Held = Pick<ExecutionOrder, 'execution_id' | 'lease_token'>

const cases: [
  what: string,
  begunMs: number,
  tookMs: number,
  says: (room: CommandsRoom, held: Held) => Promise<unknown>,
][] = [
  [
    'that it is at it, a second after it began',
    200,
    1500,
    async ({ call, clock, finish }, held) => {
      clock.at += 1200
      await call('executions.progress', { ...held, seq: 0, elapsed_ms: 1000 })
      clock.at += 500
      await finish(held, { elapsed_ms: 1500 })
    },
  ],
  [
    'what it logged first',
    100,
    600,
    async ({ call, clock, finish }, held) => {
      clock.at += 700
      await call('executions.logs', { ...held, lines: [{ message: 'x' }], elapsed_ms: 600 })
      await finish(held)
    },
  ],
  [
    'how it ended, long after that, and nothing before',
    1000,
    2000,
    async ({ clock, finish }, held) => {
      clock.at += 9000
      await finish(held, { elapsed_ms: 8000, duration_ms: 2000 })
    },
  ],
  [
    'more than can be',
    0,
    100,
    async ({ clock, finish }, held) => {
      clock.at += 100
      await finish(held, { elapsed_ms: 1e12 })
    },
  ],
  [
    'how it ended, when its time was over long ago',
    900_001,
    5000,
    async ({ finish, pass }, held) => {
      await pass(900_001)
      await pass(3_600_000)
      await finish(held, { elapsed_ms: 5000 })
    },
  ],
  [
    'nothing of it but that it has the command',
    100,
    300,
    async ({ call, clock, finish }, held) => {
      clock.at += 100
      await call('executions.ack', { ...held, status: 'accepted' })
      clock.at += 300
      await finish(held)
    },
  ],
]

for (const [what, begunMs, tookMs, says] of cases)
  test(`when a command began, and how long it took, where its device says ${what}`, async (t) => {
    const room = await openCommandsRoom(t)
    const { command_id } = await room.submit()
    const [{ execution_id, lease_token } = {} as ExecutionOrder] = await room.lease()
    const given = room.clock.at
    await says(room, { execution_id, lease_token })
    const { started_at, result } = await room.call('commands.get', { command_id })
    deepEqual([Date.parse(started_at!) - given, result!.duration_ms], [begunMs, tookMs])
    const { executions } = await room.call('commands.executions.list', { command_id })
    const { submitted_at, sent_at, delivered_at, completed_at, ...one } = executions[0]!
    equal(one.started_at, started_at)
    const told = [submitted_at, sent_at, delivered_at, started_at, completed_at].filter((at) => at !== null)
    deepEqual(told, told.toSorted(), 'one after another')
  })
