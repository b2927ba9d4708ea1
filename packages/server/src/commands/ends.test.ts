import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type Ended, Ends } from './ends.ts'

test('a command is known to be live from its beginning to its end, and the oldest is forgotten', () => {
  const ends = new Ends()
  ends.begin('first')
  const told: string[] = []
  ends.on('first', ({ command }) => told.push(command.commandId))
  deepEqual([ends.isLive('first'), ends.isLive('other')], [true, false])
  ends.tell({ command: { commandId: 'first' }, only: undefined } as Ended)
  deepEqual([ends.isLive('first'), told], [false, ['first']])
  for (let i = 0; i <= 1000; i++) ends.begin(`c${i}`)
  deepEqual([ends.isLive('c0'), ends.isLive('c1'), ends.isLive('c1000')], [false, true, true])
})
