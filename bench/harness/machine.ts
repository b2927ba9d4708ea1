import { availableParallelism, cpus, totalmem } from 'node:os'

/** What a run ran on. */
export interface Machine {
  cpu: string
  cores: number
  memoryBytes: number
}

export function thisMachine(): Machine {
  return { cpu: cpus()[0]?.model ?? 'unknown', cores: availableParallelism(), memoryBytes: totalmem() }
}

/** Such as `2 cores (AMD EPYC), 24 GiB`. */
export function machineText({ cpu, cores, memoryBytes }: Machine): string {
  return `${cores} cores (${cpu}), ${Math.round(memoryBytes / 2 ** 30)} GiB`
}
