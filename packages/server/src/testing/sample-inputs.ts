import type { CommandCategory, Input, OperationId } from '@nexus/contract'

/**
 * What a sample is about: a key that may be changed and revoked, a device that may be changed and deleted, commands, a
 * webhook that has failed, of the key that calls.
 */
export interface Made {
  keyId: string
  deviceId: string
  deliveryId: string
  category: CommandCategory
  /** A command that suits the operation. */
  commandId: string
  /** A command that is defined. */
  definition: string
  taskId: string
  /** A run that suits the operation, and the lease of the worker that has it. */
  runId: string
  /** An execution that the device has. */
  executionId: string
  leaseToken: string
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
  'commands.execute': ({ deviceId, definition }) => ({ command: definition, target: { device_id: deviceId } }),
  'commands.list': () => ({}),
  'commands.get': ({ commandId }) => ({ command_id: commandId }),
  'commands.executions.list': ({ commandId }) => ({ command_id: commandId }),
  'commands.logs.list': ({ commandId }) => ({ command_id: commandId }),
  'commands.cancel': ({ commandId }) => ({ command_id: commandId }),
  'commands.retry': ({ commandId }) => ({ command_id: commandId }),
  'commands.approve': ({ commandId }) => ({ command_id: commandId }),
  'commands.reject': ({ commandId }) => ({ command_id: commandId }),
  'commands.pause': ({ commandId }) => ({ command_id: commandId }),
  'commands.resume': ({ commandId }) => ({ command_id: commandId }),
  'commands.definitions.list': () => ({}),
  'commands.definitions.get': ({ definition }) => ({ name: definition }),
  'commands.definitions.put': ({ category }) => ({ name: 'defined', category }),
  'commands.definitions.delete': ({ definition }) => ({ name: definition }),
  'commands.lease': ({ deviceId }) => ({ device_id: deviceId }),
  'executions.ack': (made) => ({ ...heldIn(made), status: 'accepted' }),
  'executions.progress': (made) => ({ ...heldIn(made), seq: 1, percent: 50 }),
  'executions.logs': (made) => ({ ...heldIn(made), lines: [{ message: 'working' }] }),
  'executions.result': (made) => ({ ...heldIn(made), status: 'completed' }),
  'tasks.create': () => ({ name: 'sample', type: 'one_time', schedule: { run_at: '2999-01-01T00:00:00Z' } }),
  'tasks.list': () => ({}),
  'tasks.get': ({ taskId }) => ({ task_id: taskId }),
  'tasks.update': ({ taskId }) => ({ task_id: taskId, name: 'changed' }),
  'tasks.delete': ({ taskId }) => ({ task_id: taskId, active: 'cancel' }),
  'tasks.execute': ({ taskId }) => ({ task_id: taskId }),
  'tasks.pause': ({ taskId }) => ({ task_id: taskId }),
  'tasks.resume': ({ taskId }) => ({ task_id: taskId }),
  'tasks.cancel': ({ taskId }) => ({ task_id: taskId }),
  'tasks.backfill': ({ taskId }) => ({ task_id: taskId, start: '2025-11-03T00:00:00Z', end: '2025-11-03T01:00:00Z' }),
  'tasks.schedule': ({ taskId }) => ({ task_id: taskId }),
  'tasks.runs.list': ({ taskId }) => ({ task_id: taskId }),
  'runs.list': () => ({}),
  'runs.get': ({ runId }) => ({ run_id: runId }),
  'runs.logs.list': ({ runId }) => ({ run_id: runId }),
  'runs.cancel': ({ runId }) => ({ run_id: runId }),
  'runs.retry': ({ runId }) => ({ run_id: runId }),
  'workers.list': () => ({}),
  'workers.lease': () => ({ worker_id: 'w', names: ['sample'] }),
  'workers.release': () => ({ worker_id: 'w', poll_ids: ['0123456789abcdef'] }),
  'workers.heartbeat': ({ runId, leaseToken }) => ({
    worker_id: 'w',
    runs: [{ run_id: runId, lease_token: leaseToken }],
  }),
  'workers.report': (made) => ({ worker_id: 'w', ends: [leasedIn(made)] }),
  'runs.heartbeat': (made) => ({ ...leasedIn(made), progress: { percent: 50 } }),
  'runs.complete': (made) => leasedIn(made),
  'runs.fail': (made) => ({ ...leasedIn(made), error: { code: 'broken', message: 'It broke' } }),
  'runs.logs.add': (made) => ({ ...leasedIn(made), lines: [{ message: 'working' }] }),
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

function heldIn({ executionId, leaseToken }: Made) {
  return { execution_id: executionId, lease_token: leaseToken }
}

function leasedIn({ runId, leaseToken }: Made) {
  return { run_id: runId, lease_token: leaseToken }
}
