import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import type { CommandRecord } from '../../commands/index.ts'
import { FreshOrders } from './fresh-orders.ts'

const command = { commandId: 'cmd-1' } as CommandRecord
const named = (count: number, prefix: string) =>
  Array.from({ length: count }, (_, i) => ({ executionId: `${prefix}-${i}` }))

test('what was submitted is at hand once, and the oldest gives way', () => {
  const fresh = new FreshOrders()
  fresh.keep(command, named(1, 'first'))
  equal(fresh.take('first-0'), command)
  equal(fresh.take('first-0'), undefined)
  fresh.keep(command, named(2, 'second'))
  fresh.keep(command, named(10_000, 'many'))
  equal(fresh.take('second-1'), undefined)
  equal(fresh.take('many-255'), command)
  equal(fresh.take('many-256'), undefined)
})
