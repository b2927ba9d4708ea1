import { type CommandCategory, commandCategories, type OperationId, type Scope } from '@nexus/contract'
import type { TestNexus } from './nexus.ts'
import type { Made } from './sample-inputs.ts'

/** A sample of nothing that is there. */
export const nothing: Made = {
  keyId: 'k',
  deviceId: 'd',
  deliveryId: 'w',
  category: 'custom',
  commandId: 'cmd-none',
  definition: 'none',
  taskId: 'task-none',
  runId: 'run-none',
  executionId: 'exe-none',
  leaseToken: 'lease-none',
}

let made = 0

/** Makes what an operation can be tried on; `held`: what the key may see that tries it. */
export async function make(
  nexus: TestNexus,
  operation: OperationId,
  held: readonly Scope[] = ['admin'],
): Promise<Made> {
  const { client } = nexus
  const { key_id: keyId } = await client.auth.keys.create({ name: 'sample', scopes: ['task:read'] })
  const { device_id: deviceId } = await client.devices.put({ device_id: `device-of-${keyId}` })
  const base = { ...nothing, keyId, deviceId, category: categoryFor(held) }
  if (/^(tasks|runs|workers)\./.test(operation)) return { ...base, ...(await makeRun(nexus, operation)) }
  if (!/^(commands|executions)\./.test(operation)) return base
  const definition = `sample-${made++}`.replace('-', '_')
  const needsApproval = operation === 'commands.approve' || operation === 'commands.reject'
  await client.commands.definitions.put({
    name: definition,
    category: base.category,
    defaults: { approval: needsApproval ? 'always' : 'never' },
  })
  const isRollout = operation === 'commands.pause' || operation === 'commands.resume'
  const { command_id: commandId } = await client.commands.execute({
    command: definition,
    target: { device_id: deviceId },
    ...(isRollout && { rollout: { max_concurrency: 1 } }),
  })
  if (operation === 'commands.retry') await client.commands.cancel({ command_id: commandId })
  if (operation === 'commands.resume') await client.commands.pause({ command_id: commandId })
  if (!operation.startsWith('executions.')) return { ...base, definition, commandId }
  const [execution] = (await client.commands.lease({ device_id: deviceId }))!.executions
  return {
    ...base,
    definition,
    commandId,
    executionId: execution!.execution_id,
    leaseToken: execution!.lease_token,
  }
}

function categoryFor(held: readonly Scope[]): CommandCategory {
  return commandCategories.find((category) => held.includes(`command:execute:${category}`)) ?? 'custom'
}

/** A task with a run, which a worker has where the operation is one of its reports. */
async function makeRun({ client }: TestNexus, operation: OperationId): Promise<Partial<Made>> {
  const name = `sample-${made++}`
  const schedule = { cron: '0 2 1 1 *' }
  const { task_id: taskId } = await client.tasks.create({ name, type: 'scheduled', schedule })
  if (operation === 'tasks.resume') await client.tasks.pause({ task_id: taskId })
  const { run_id: runId } = await client.tasks.execute({ task_id: taskId })
  if (operation === 'runs.retry') await client.runs.cancel({ run_id: runId })
  if (!/^(runs\.(heartbeat|complete|fail|logs\.add)|workers)/.test(operation)) return { taskId, runId }
  const [order] = (await client.workers.lease({ worker_id: 'w', names: [name] }))!.runs
  return { taskId, runId, leaseToken: order!.lease_token }
}
