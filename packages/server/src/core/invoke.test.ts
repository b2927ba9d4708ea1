import { deepEqual, doesNotThrow, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { type Operation, operation, type Scope } from '@nexus/contract'
import Type from 'typebox'
import type { Failure } from './failure.ts'
import { authorise } from './invoke.ts'

const needing = (scope: Operation['scope']): Operation =>
  operation({
    id: 'things.change',
    summary: 'Change a thing',
    effect: 'write',
    scope,
    rate: 'other',
    http: 'PUT /v1/things',
    input: Type.Object({}),
    output: Type.Object({}),
  })

const holding = (...scopes: Scope[]) => ({
  keyId: 'k',
  scopes,
  deviceId: null,
  agentId: null,
  rateLimits: {},
  secretTag: '',
})

test('of several scopes a key must hold all, and is told the first that it lacks', () => {
  const both = needing(['telemetry:read', 'telemetry:write'])
  const lacks = (missing: Scope) => (error: Failure) => {
    deepEqual([error.code, error.details.required_scope], ['FORBIDDEN', missing])
    return true
  }
  throws(() => authorise(both, holding('task:read')), lacks('telemetry:read'))
  throws(() => authorise(both, holding('telemetry:write')), lacks('telemetry:read'))
  throws(() => authorise(both, holding('telemetry:read')), lacks('telemetry:write'))
  doesNotThrow(() => authorise(both, holding('telemetry:write', 'telemetry:read')))
  doesNotThrow(() => authorise(both, holding('admin')))
  doesNotThrow(() => authorise(needing(null), holding()))
})
