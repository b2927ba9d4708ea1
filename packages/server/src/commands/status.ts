import type { CommandStatus } from '@nexus/contract'
import { type Counts, isOver } from './record.ts'

/**
 * How a command stands, by its executions: pending until one began; running until all have ended; then completed if all
 * were, failed if one failed or was too slow, else cancelled. With one target it stands as that does.
 */
export function statusOf(counts: Counts, targetCount: number): CommandStatus {
  const only = (Object.keys(counts) as CommandStatus[]).find((status) => counts[status] === targetCount)
  if (only) return only
  if (counts.pending + counts.running > 0) return 'running'
  return counts.failed + counts.timeout > 0 ? 'failed' : 'cancelled'
}

/** Why a command with several targets stands so. */
export function reasonOfSeveral(status: CommandStatus): string | null {
  if (status === 'failed') return 'executions_failed'
  if (status === 'timeout') return 'executions_timed_out'
  return status === 'cancelled' ? 'executions_cancelled' : null
}

/** The counts after executions went from one state to another. */
export function countsChange(changes: readonly { before: CommandStatus; after: CommandStatus }[]): Partial<Counts> {
  const change: Partial<Record<CommandStatus, number>> = {}
  for (const { before, after } of changes) {
    if (before === after) continue
    change[before] = (change[before] ?? 0) - 1
    change[after] = (change[after] ?? 0) + 1
  }
  return change
}

/** The event that tells of an end. */
export function endEventOf(status: CommandStatus) {
  if (!isOver(status)) return undefined
  return `command.${status as Exclude<CommandStatus, 'pending' | 'running'>}` as const
}
