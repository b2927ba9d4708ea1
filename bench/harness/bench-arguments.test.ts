import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { benchArguments } from './bench-arguments.ts'

const known = {
  systems: [{ name: 'one' }, { name: 'two' }],
  parts: ['first', 'second'],
  full: { window: 10, 'trip-window': 4 },
  quick: { window: 1, 'trip-window': 2 },
  texts: ['postgres'],
} as const

test('unless told, a benchmark runs all of its parts on all systems', () => {
  deepEqual(benchArguments([], known), {
    systems: [{ name: 'one' }, { name: 'two' }],
    parts: new Set(['first', 'second']),
    amounts: { window: 10, 'trip-window': 4 },
    texts: { postgres: undefined },
    writeDocs: false,
    workDir: undefined,
  })
})

test('what is told stands, and the rest is as it is, or is quick', () => {
  const args = ['--quick', '--systems', 'two', '--parts=first', '--trip-window', '7', '--postgres', 'p', '--write-docs']
  deepEqual(benchArguments([...args, '--work-dir', '/tmp/x'], known), {
    systems: [{ name: 'two' }],
    parts: new Set(['first']),
    amounts: { window: 1, 'trip-window': 7 },
    texts: { postgres: 'p' },
    writeDocs: true,
    workDir: '/tmp/x',
  })
})

test('what a benchmark does not know is refused', () => {
  throws(() => benchArguments(['--windows', '1'], known), /--windows/)
  throws(() => benchArguments(['--systems', 'three'], known), /--systems: three is none of one, two/)
  throws(() => benchArguments(['--window', '0'], known), /--window must be a number above 0/)
})
