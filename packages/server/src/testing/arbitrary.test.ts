import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Operation, operations } from '@nexus/contract'
import fc from 'fast-check'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { arbitraryFor, hostileFor } from './arbitrary.ts'

const all: Operation[] = Object.values(operations)

test('every operation accepts the input that is made for it', () => {
  for (const operation of all) {
    const accepts = Compile(operation.input)
    fc.assert(
      fc.property(arbitraryFor(operation.input), (input) => {
        assert.ok(accepts.Check(input), `${operation.id} ${JSON.stringify(input)}`)
      }),
      { numRuns: 50 },
    )
  }
})

test('operations reject most hostile input, each of them much of it, and no check throws', () => {
  let total = 0
  for (const operation of all) {
    const accepts = Compile(operation.input)
    const inputs = fc.sample(hostileFor(operation.input), { numRuns: 200, seed: 1 })
    const rejected = inputs.filter((input) => !accepts.Check(input)).length
    assert.ok(rejected > 66, `${operation.id} rejects ${rejected} of 200`)
    total += rejected
  }
  assert.ok(total > all.length * 120, `${total} of ${all.length * 200}`)
})

test('optional fields are there and absent, and every arm of a union appears', () => {
  const schema = Type.Object({ a: Type.Optional(Type.Union([Type.Null(), Type.Boolean(), Type.Literal('x')])) })
  const values = fc.sample(arbitraryFor(schema), { numRuns: 200, seed: 1 }) as { a?: unknown }[]
  assert.ok(values.some((value) => !('a' in value)))
  assert.deepEqual(new Set(values.map((value) => value.a)), new Set([undefined, null, true, false, 'x']))
})

test('hostile input adds prototype keys as fields, and leaves the prototype alone', () => {
  const values = fc.sample(hostileFor(operations['auth.keys.create'].input), { numRuns: 500, seed: 1 })
  assert.ok(values.some((value) => typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')))
  assert.equal(({} as { admin?: boolean }).admin, undefined)
})

test('a schema that it does not know is refused rather than guessed', () => {
  assert.throws(() => arbitraryFor(Type.String({ format: 'uri' })), /no arbitrary/)
})
