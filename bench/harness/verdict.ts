export interface Verdict {
  target: string
  /** Nexus against the peer; above 1 is more (of requests, of time, of bytes). */
  ratio: number
  met: boolean
}

export function atLeast(target: string, ratio: number, bound: number): Verdict {
  return { target, ratio, met: ratio >= bound }
}

export function atMost(target: string, ratio: number, bound: number): Verdict {
  return { target, ratio, met: ratio <= bound }
}

export function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    ({ target, ratio, met }) => `| ${target} | ${ratio.toFixed(2)} | ${met ? 'met' : '**missed**'} |`,
  )
  return ['| target | ratio | |', '|---|---|---|', ...rows].join('\n')
}
