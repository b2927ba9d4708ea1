import type { Input, OperationId } from '@nexus/contract'

/**
 * What a sample is about: a key that may be changed and revoked, a device that may be changed and deleted, a webhook
 * that has failed, of the key that calls.
 */
export interface Made {
  keyId: string
  deviceId: string
  deliveryId: string
}

/** An input that each operation accepts. */
export const sampleInputs: { [Id in OperationId]: (made: Made) => Input<Id> } = {
  'telemetry.frames.send': () => ({ device_id: 'd', metrics: { m: 1 } }),
  'telemetry.frames.batch': () => ({ frames: [{ device_id: 'd', metrics: { m: 1 } }] }),
  'telemetry.query': () => ({ start_time: 1762134000, end_time: 1762135000 }),
  'telemetry.latest': () => ({}),
  'telemetry.metrics': () => ({}),
  'telemetry.tags': () => ({}),
  'telemetry.data.delete': () => ({ device_id: 'nobody', start_time: 1762134000, end_time: 1762135000 }),
  'telemetry.retention.get': () => ({}),
  'telemetry.retention.put': () => ({ policies: [] }),
  'devices.list': () => ({}),
  'devices.get': ({ deviceId }) => ({ device_id: deviceId }),
  'devices.put': ({ deviceId }) => ({ device_id: deviceId, name: 'Pump', tags: { site: 'north' } }),
  'devices.update': ({ deviceId }) => ({ device_id: deviceId, metadata: { model: 'x' } }),
  'devices.delete': ({ deviceId }) => ({ device_id: deviceId }),
  'events.list': () => ({}),
  'traces.get': () => ({ trace_id: '0af7651916cd43dd8448eb211c80319c' }),
  'webhooks.secret.get': () => ({}),
  'webhooks.secret.rotate': () => ({}),
  'webhooks.test': () => ({ url: 'https://nobody.invalid/hook' }),
  'webhooks.deliveries.list': () => ({}),
  'webhooks.deliveries.get': ({ deliveryId }) => ({ delivery_id: deliveryId }),
  'webhooks.deliveries.redeliver': ({ deliveryId }) => ({ delivery_id: deliveryId }),
  'auth.keys.create': () => ({ name: 'made', scopes: ['task:read'] }),
  'auth.keys.list': () => ({}),
  'auth.keys.get': ({ keyId }) => ({ key_id: keyId }),
  'auth.keys.update': ({ keyId }) => ({ key_id: keyId, name: 'changed' }),
  'auth.keys.revoke': ({ keyId }) => ({ key_id: keyId }),
  'auth.tickets.create': () => ({}),
  'auth.keys.rotate': ({ keyId }) => ({ key_id: keyId, grace: '0s' }),
}
