import { equal, match, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { createHasher } from './hasher.ts'

test('a hash matches its secret and no other', async () => {
  const hasher = createHasher({ cost: 4 })
  const hashed = await hasher.hash('right')
  equal(await hasher.matches('right', hashed), true)
  equal(await hasher.matches('wrong', hashed), false)
})

test('a hash is of cost 10, as long as nobody says otherwise', async () => {
  match(await createHasher().hash('secret'), /^\$2b\$10\$/)
})

test('more than may wait are refused, and those who wait are all served', async () => {
  const hasher = createHasher({ cost: 4, atOnceMax: 1, waitingMax: 2 })
  const served = [hasher.hash('a'), hasher.hash('b'), hasher.hash('c')]
  await rejects(hasher.hash('d'), { code: 'SERVICE_UNAVAILABLE', details: { reason: 'too_many_sign_ins' } })
  equal((await Promise.all(served)).length, 3)
  await hasher.hash('e')
})
