import { throws } from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../client.ts'
import type { WorkerOptions } from './run.ts'

const client = createClient({ url: 'http://127.0.0.1:1', apiKey: 'none' })

const refused: [what: string, options: object, name: string, message: RegExp][] = [
  ['an id with a blank', { id: 'a b' }, 'RangeError', /^id must be .*, not "a b"$/],
  ['an empty id', { id: '' }, 'RangeError', /^id must be/],
  ['no queue', { queues: [] }, 'RangeError', /^queues must be a list of 1 to 16: leave it out for the queue default$/],
  ['a queue with a blank', { queues: ['default', 'a b'] }, 'RangeError', /^a queue must be .*, not "a b"$/],
  ['too many queues', { queues: Array(17).fill('q') }, 'RangeError', /^queues must be/],
  ['no concurrency', { concurrency: 0 }, 'RangeError', /^concurrency must be a whole number from 1 to 1000, not 0$/],
  ['an option that there is none of', { foo: 1 }, 'TypeError', /no option foo: expected id, queues, concurrency/],
  ['an onError that is no function', { onError: 'log' }, 'TypeError', /^onError must be a function/],
]

for (const [what, options, name, message] of refused) {
  test(`a worker with ${what} is refused when it is made`, () => {
    throws(() => client.worker(options as WorkerOptions), { name, message })
  })
}

test('a handler is refused that can never be called: one without a name, the second of a name, the hundred and first', () => {
  const worker = client.worker()
  const handler = () => {}
  worker.handle('x y', handler)
  throws(() => worker.handle('x y', handler), /has a handler x y already/)
  throws(() => worker.handle('', handler), { name: 'RangeError' })
  throws(() => worker.handle('y', 'no' as never), { name: 'TypeError' })
  for (let n = 1; n < 100; n++) worker.handle(`h${n}`, handler)
  throws(() => worker.handle('one more', handler), /at most 100 handlers/)
})
