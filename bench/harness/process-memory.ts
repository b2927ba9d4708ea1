import { readdirSync, readFileSync } from 'node:fs'

export interface Memory {
  /** Resident, with mapped files. */
  rssBytes: number
  /** Without them. */
  anonymousBytes: number
}

/** Memory of a process and all that it started. */
export function memoryOf(pid: number): Memory {
  const own = statusOf(pid)
  for (const child of childrenOf(pid)) {
    const { rssBytes, anonymousBytes } = memoryOf(child)
    own.rssBytes += rssBytes
    own.anonymousBytes += anonymousBytes
  }
  return own
}

/** Looks four times a second; `stop` gives the most that was seen. */
export function watchMemory(pid: number): { stop(): Memory } {
  const peak = memoryOf(pid)
  const look = () => {
    const now = memoryOf(pid)
    peak.rssBytes = Math.max(peak.rssBytes, now.rssBytes)
    peak.anonymousBytes = Math.max(peak.anonymousBytes, now.anonymousBytes)
  }
  const timer = setInterval(look, 250)
  return {
    stop() {
      clearInterval(timer)
      look()
      return peak
    },
  }
}

function statusOf(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024
  return { rssBytes: bytes('VmRSS'), anonymousBytes: bytes('RssAnon') }
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
}
