import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import type { Launch } from './server-process.ts'

const [serverCore, loadCore] = ['0', '1']

/** Moves this process to a core that servers leave free; false where there is no `taskset` or no second core. */
export function pinLoad(): boolean {
  if (availableParallelism() < 2) return false
  try {
    execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', loadCore, String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A server on the one core that is its own; its process id stays that of what is started. */
export function onServerCore({ command, args, ...rest }: Launch): Launch {
  return { command: 'taskset', args: ['--cpu-list', serverCore, command, ...args], ...rest }
}
