export interface ConfigFault {
  /** As the operator wrote it: `NEXUS_PORT`, or `nexus.yaml: port`. */
  key: string
  issue: string
}

/** The configuration does not hold; lists every fault, and never a value that might be secret. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[]

  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map((fault) => `  ${fault.key} ${fault.issue}`)
    super(`The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${lines.join('\n')}`)
    this.name = 'ConfigError'
    this.faults = faults
  }
}
