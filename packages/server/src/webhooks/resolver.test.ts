import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../testing/until.ts'
import { createResolver } from './resolver.ts'
import { startDnsServer } from './testing/dns-server.ts'

test('a name has all of its addresses, of both families', async (t) => {
  const server = await startDnsServer(t, {
    'both.example': { A: ['192.0.2.1', '192.0.2.2'], AAAA: ['2001:db8:0:0:0:0:0:1'] },
    'four.example': { A: ['192.0.2.4'] },
    'six.example': { AAAA: ['2001:db8:0:0:0:0:0:6'] },
  })
  const resolve = createResolver({ servers: [server] })
  deepEqual(await resolve('both.example'), ['192.0.2.1', '192.0.2.2', '2001:db8::1'])
  deepEqual(await resolve('four.example'), ['192.0.2.4'])
  deepEqual(await resolve('six.example'), ['2001:db8::6'])
})

test('the system is asked about names that DNS says are not there, and about no others', async (t) => {
  const server = await startDnsServer(t, { 'empty.example': {}, 'broken.example': 'servfail' })
  const asked: string[] = []
  const system = async (name: string) => {
    asked.push(name)
    return ['192.0.2.9']
  }
  const resolve = createResolver({ servers: [server], system })
  deepEqual(await resolve('hosts-file.example'), ['192.0.2.9'])
  deepEqual(await resolve('empty.example'), ['192.0.2.9'])
  deepEqual(await resolve('broken.example'), [])
  deepEqual(asked, ['hosts-file.example', 'empty.example'])
})

test('no more than two names hold a thread of the system, and one that fails is nowhere', async (t) => {
  const server = await startDnsServer(t, {})
  const answered = Promise.withResolvers<string[]>()
  let asked = 0
  const system = (): Promise<string[]> => {
    asked++
    return answered.promise
  }
  const resolve = createResolver({ servers: [server], system })
  const held = [resolve('a.example'), resolve('b.example')]
  await until('both are asked for', async () => asked === 2)
  deepEqual(await resolve('c.example'), [])
  answered.reject(new Error('EAI_AGAIN'))
  deepEqual(await Promise.all(held), [[], []])
  equal(asked, 2)
})

test('a server that says nothing is not waited for longer than permitted', async (t) => {
  const server = await startDnsServer(t, { 'silent.example': 'silent' })
  const resolve = createResolver({ servers: [server], timeoutMs: 50, system: async () => ['192.0.2.9'] })
  deepEqual(await resolve('silent.example'), [])
})

test('local names lead to this machine, and names that can not exist are nowhere, whatever DNS says', async (t) => {
  const addresses = { A: ['192.0.2.1'] }
  const server = await startDnsServer(t, { localhost: addresses, 'db.localhost': addresses, 'a.invalid': addresses })
  const resolve = createResolver({ servers: [server] })
  deepEqual(await resolve('localhost'), ['127.0.0.1', '::1'])
  deepEqual(await resolve('db.localhost'), ['127.0.0.1', '::1'])
  deepEqual(await resolve('a.invalid'), [])
  deepEqual(await resolve('not a name'), [])
})
