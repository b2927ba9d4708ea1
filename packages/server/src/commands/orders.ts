import type { ExecutionOrder } from '@nexus/contract'
import { toIso, toIsoOrNull } from '../core/clock.ts'
import type { WorkItem } from '../work/index.ts'
import type { CommandStore } from './ports.ts'
import type { CommandOrder } from './record.ts'

/** What devices are told of work that they were given. */
export async function ordersOf(
  { store }: { store: Pick<CommandStore, 'orders'> },
  items: readonly WorkItem[],
): Promise<ExecutionOrder[]> {
  if (items.length === 0) return []
  const commands = await store.orders(items.map(({ id }) => id))
  return items.flatMap((item) => {
    const command = commands.get(item.id)
    return command ? [orderOf(item, command)] : []
  })
}

function orderOf(item: WorkItem, command: CommandOrder): ExecutionOrder {
  const { target } = command
  const isNamed = target.device_id !== undefined || target.device_ids !== undefined
  return {
    command_id: command.commandId,
    execution_id: item.id,
    attempt: item.attempt,
    lease_token: item.leaseToken!,
    lease_expires_at: toIso(item.leaseExpiresAt!),
    deadline: toIsoOrNull(item.deadline),
    // What is given has just been leased or renewed.
    time_left_ms: item.deadline === null ? null : Math.max(0, item.deadline - item.leaseExpiresAt! + item.leaseMs),
    command: command.name,
    parameters: command.parameters,
    ...(isNamed && target.service !== undefined && { service: target.service }),
    trace_id: command.traceId,
  }
}
