import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { Audience, type Listener } from './audience.ts'
import type { LoggedEvent } from './ports.ts'

const event: LoggedEvent = {
  seq: 1,
  type: 'telemetry.frame',
  at: 0,
  subject: 'd',
  data: {},
  traceId: '',
  causeId: null,
}

test('whoever was added to a key is told once, however often, and nobody once removed', () => {
  const audience = new Audience()
  const told: string[] = []
  const listener = (name: string): Listener => ({ types: [], devices: undefined, heard: () => void told.push(name) })
  const [a, b, c] = [listener('a'), listener('b'), listener('c')]
  const tell = () => {
    audience.tell('k', event)
    return told.splice(0).join('')
  }
  const steps: [change: () => void, told: string][] = [
    [() => {}, ''],
    [() => audience.add('k', a), 'a'],
    [() => audience.add('k', a), 'a'],
    [() => audience.add('other', c), 'a'],
    [() => audience.remove('k', b), 'a'],
    [() => audience.add('k', b), 'ab'],
    [() => audience.add('k', b), 'ab'],
    [() => audience.remove('k', a), 'b'],
    [() => audience.add('k', c), 'bc'],
    [() => audience.remove('k', c), 'b'],
    [() => audience.remove('k', b), ''],
    [() => audience.add('k', a), 'a'],
    [() => audience.remove('k', a), ''],
  ]
  for (const [change, expected] of steps) {
    change()
    equal(tell(), expected, change.toString())
  }
})
