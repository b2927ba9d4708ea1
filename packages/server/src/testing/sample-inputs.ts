import type { Input, OperationId } from '@nexus/contract'

/** An input that each operation accepts. `keyId` is of a key that may be changed and revoked. */
export const sampleInputs: { [Id in OperationId]: (made: { keyId: string }) => Input<Id> } = {
  'telemetry.frames.send': () => ({ device_id: 'd', metrics: { m: 1 } }),
  'telemetry.frames.batch': () => ({ frames: [{ device_id: 'd', metrics: { m: 1 } }] }),
  'telemetry.query': () => ({ start_time: 1762134000, end_time: 1762135000 }),
  'telemetry.latest': () => ({}),
  'telemetry.metrics': () => ({}),
  'telemetry.tags': () => ({}),
  'telemetry.data.delete': () => ({ device_id: 'nobody', start_time: 1762134000, end_time: 1762135000 }),
  'telemetry.retention.get': () => ({}),
  'telemetry.retention.put': () => ({ policies: [] }),
  'events.list': () => ({}),
  'traces.get': () => ({ trace_id: '0af7651916cd43dd8448eb211c80319c' }),
  'auth.keys.create': () => ({ name: 'made', scopes: ['task:read'] }),
  'auth.keys.list': () => ({}),
  'auth.keys.get': ({ keyId }) => ({ key_id: keyId }),
  'auth.keys.update': ({ keyId }) => ({ key_id: keyId, name: 'changed' }),
  'auth.keys.revoke': ({ keyId }) => ({ key_id: keyId }),
  'auth.tickets.create': () => ({}),
  'auth.keys.rotate': ({ keyId }) => ({ key_id: keyId, grace: '0s' }),
}
