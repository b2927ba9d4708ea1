import { readFileSync } from 'node:fs'

/** Linux counts in these, whatever the kernel's own clock is. */
const ticksPerSecond = 100

/** How long the threads of a process have run so far, in seconds. */
export function processorSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name stands in brackets and may hold blanks; after it come the fields from the third on.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}
