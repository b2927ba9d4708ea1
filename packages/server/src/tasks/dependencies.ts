import { type DependencyPolicy, taskLimits } from '@nexus/contract'
import { invalid } from '../core/failure.ts'

/** How a task that others depend on last ended. */
export interface Upstream {
  taskId: string
  /** Undefined: there is no such task. */
  ends: { completedAt: number | null; endedAt: number | null } | undefined
}

/** `failed`: what would satisfy it ended otherwise. */
export interface DependencyVerdict {
  verdict: 'met' | 'waiting' | 'failed'
  /** Those that it waits for, and those of them that are not there. */
  open: string[]
  unknown: string[]
}

/** Whether what a run depends on is there: ends that came after `since`, of each or of them all. */
export function judgeDependencies(
  upstream: readonly Upstream[],
  { condition = 'all_success' }: Pick<DependencyPolicy, 'condition'>,
  since: (taskId: string) => number,
): DependencyVerdict {
  const isAfter = (at: number | null | undefined, taskId: string) => at != null && at > since(taskId)
  const succeeded = (one: Upstream) => isAfter(one.ends?.completedAt, one.taskId)
  const ended = (one: Upstream) => isAfter(one.ends?.endedAt, one.taskId)
  const suffices = condition === 'all_done' ? ended : succeeded
  const open = upstream.filter((one) => !suffices(one))
  const told = {
    open: open.map(({ taskId }) => taskId),
    unknown: open.filter(({ ends }) => !ends).map(({ taskId }) => taskId),
  }
  const isMet = condition === 'any_success' ? open.length < upstream.length : open.length === 0
  if (isMet || upstream.length === 0) return { verdict: 'met', open: [], unknown: [] }
  if (condition === 'any_success') return { verdict: upstream.every(ended) ? 'failed' : 'waiting', ...told }
  return { verdict: open.some(ended) ? 'failed' : 'waiting', ...told }
}

/**
 * Follows dependencies from a task. Errors: VALIDATION_ERROR (a cycle, naming it; more tasks behind one another than may be).
 */
export async function assertNoCycle(
  taskId: string,
  dependencies: readonly string[],
  dependenciesOf: (taskIds: readonly string[]) => Promise<Map<string, string[]>>,
): Promise<void> {
  const cameFrom = new Map<string, string>()
  let front = [...dependencies]
  for (const id of front) cameFrom.set(id, taskId)
  for (let depth = 1; front.length > 0; depth++) {
    if (cameFrom.has(taskId)) throw wrong(`makes a cycle: ${cycleOf(taskId, cameFrom).join(' -> ')}`)
    if (depth > taskLimits.chainMax)
      throw wrong(`more than ${taskLimits.chainMax} tasks would stand behind one another`)
    const links = await dependenciesOf(front)
    const next: string[] = []
    for (const id of front)
      for (const upstream of links.get(id) ?? []) {
        if (cameFrom.has(upstream)) continue
        cameFrom.set(upstream, id)
        next.push(upstream)
      }
    front = next
  }
}

function cycleOf(taskId: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const path = [taskId]
  for (let at = cameFrom.get(taskId)!; at !== taskId; at = cameFrom.get(at)!) path.unshift(at)
  return [taskId, ...path]
}

function wrong(issue: string) {
  return invalid('dependencies', issue, 'VALIDATION_ERROR')
}
