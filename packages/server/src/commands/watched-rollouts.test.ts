import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { commandLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import type { Failure } from '../core/failure.ts'
import { openCommandsRoom } from '../testing/commands-room.ts'
import type { Followed, Follower } from './follower.ts'
import type { CommandRecord } from './record.ts'
import { Rollouts } from './rollouts.ts'

test('a roll-out that begins while it is read which there are is followed, and what it was aborted for is not lost', async (t) => {
  const begun = { commandId: 'c', rollout: { abort: { metric: 'cpu > 90' } } }
  let hear: ((reading: number, at: number) => void) | undefined
  let isRead = false
  const aborted: string[] = []
  const rollouts: Rollouts = new Rollouts({
    store: {
      write: (fn) => fn({} as Tx),
      lock: async () =>
        ({ ...begun, status: 'pending', cancelRequestedAt: null, rolloutState: { aborted: null } }) as CommandRecord,
      dueRollouts: async () => [],
      nextRollout: async () => undefined,
      given: async () => [],
      async watchedRollouts() {
        if (isRead) return [begun]
        isRead = true
        rollouts.begin(begun)
        rollouts.given({ commandId: 'c', executionId: 'e', deviceId: 'd' })
        hear!(97, 1)
        return []
      },
    },
    follower: {
      isFull: false,
      leave: () => {},
      follow: (_key: string, { holds }: Followed) => {
        hear = holds as typeof hear
        return true
      },
    } as unknown as Follower,
    advance: async () => {},
    abort: async (_tx, _command, { device_id }) => void aborted.push(device_id!),
    now: Date.now,
    onError: (cause) => t.diagnostic(String(cause)),
  })
  await rollouts.sweep()
  deepEqual(aborted, ['d'])
})

test('as many roll-outs as a metric may abort are taken at a time, and the next once one has ended', async (t) => {
  const { submit, call } = await openCommandsRoom(t)
  const rollout = { abort: { metric: 'up == 0' } }
  const taken = await Promise.all(Array.from({ length: commandLimits.watchedRolloutsMax }, () => submit({ rollout })))
  await rejects(submit({ rollout }), ({ code, details }: Failure) => {
    return code === 'CONFLICT' && details.reason === 'too_many_watched_rollouts'
  })
  equal((await submit({ rollout: { canary: 1 } })).status, 'pending')
  await call('commands.cancel', { command_id: taken[0]!.command_id })
  equal((await submit({ rollout })).status, 'pending')
})
