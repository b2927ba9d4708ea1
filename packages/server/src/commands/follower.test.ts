import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { parseCondition } from '../core/condition.ts'
import { emitFrame, openEventsRoom } from '../testing/events-room.ts'
import { Follower } from './follower.ts'

test('a condition is told with each frame of its device that meets it, until it is left', async (t) => {
  const { events, clock } = await openEventsRoom(t)
  const follower = new Follower(events, 10)
  const told: unknown[] = []
  const condition = parseCondition('disk.free < 10', 'f')
  const holds = (reading: unknown, at: number) => void told.push([reading, at])
  follower.follow('k', { deviceId: 'd', condition, holds })
  follower.follow('k', { deviceId: 'd', condition, holds })
  emitFrame(events, 'd', 0, { disk: { free: 5 } })
  emitFrame(events, 'd', 0, { disk: { free: 50 } })
  emitFrame(events, 'd', 0, { other: 1 })
  emitFrame(events, 'e', 0, { disk: { free: 5 } })
  equal(follower.last('k'), 50)
  follower.leave('k')
  emitFrame(events, 'd', 0, { disk: { free: 5 } })
  deepEqual(told, [[5, clock.at]])
})

test('so many are followed at once, and who leaves makes room', async (t) => {
  const { events } = await openEventsRoom(t)
  const follower = new Follower(events, 2)
  const followed = { deviceId: 'd', condition: parseCondition('up == 1', 'f'), holds: () => {} }
  deepEqual(
    ['a', 'b', 'c', 'a'].map((key) => follower.follow(key, followed)),
    [true, true, false, true],
  )
  follower.leave('a')
  equal(follower.follow('c', followed), true)
})
