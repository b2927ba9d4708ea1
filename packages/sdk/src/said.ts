import type { ErrorDetails, Input } from '@nexus/contract'
import { reportLimits } from './contract-data.ts'
import { NexusError } from './nexus-error.ts'
import { bytesOf } from './socket.ts'

/** As work says what went wrong: the code is stable, and its own word. */
export interface SaidError {
  code: string
  message: string
}

/** What handlers say on the way. */
export type Lines = Input<'executions.logs'>['lines']
export type LogLevel = NonNullable<Lines[number]['level']>

const { messageLengthMax, logLineLengthMax, logLinesMax, resultBytesMax } = reportLimits
const codeLengthMax = 128
/** So that a batch of lines fits into a message. */
const batchBytesMax = 48 * 1024

/** What a handler returned, as JSON; or why it is none, or too much. */
export function resultOf(value: unknown): { result?: unknown } | { error: SaidError } {
  try {
    const text = JSON.stringify(value)
    if (text === undefined) return {}
    const bytes = new TextEncoder().encode(text).length
    if (bytes <= resultBytesMax) return { result: JSON.parse(text) }
    return {
      error: { code: 'result_too_large', message: `${bytes} bytes as JSON, at most ${resultBytesMax} are kept` },
    }
  } catch (cause) {
    return { error: invalidResult(`no JSON: ${(cause as Error).message}`) }
  }
}

function invalidResult(why: string): SaidError {
  return { code: 'invalid_result', message: cut(why, messageLengthMax) }
}

/** Why the server has not taken a result: the field and what is wrong with it, where it says so. */
export function refusedResult(refusal: Error): SaidError {
  const { field, issue }: ErrorDetails = refusal instanceof NexusError ? refusal.details : {}
  const isNamed = typeof field === 'string' && typeof issue === 'string'
  return invalidResult(isNamed ? `${field} ${issue}` : refusal.message)
}

/** Its code, if it has one, which errors of Node have too. */
export function codeAmong(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' && code !== '' ? code : undefined
}

/** How what a handler threw is reported. */
export function saidErrorOf(thrown: unknown, lengthMax = messageLengthMax): SaidError {
  const code = codeAmong(thrown) ?? 'failed'
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { code: cut(code, codeLengthMax), message: cut(message, lengthMax) }
}

/** As the contract allows it. */
export function progressOf(percent: number | undefined, message: string | undefined) {
  return {
    ...(percent !== undefined && !Number.isNaN(percent) && { percent: Math.min(100, Math.max(0, percent)) }),
    ...(message !== undefined && { message: cut(String(message), messageLengthMax) }),
  }
}

export function reasonOf(text: string): string {
  return cut(text, messageLengthMax)
}

/** Lines that wait to be sent; the oldest give way, which a line of its own says. */
export class LogLines {
  #lines: Lines = []
  #dropped = 0
  /** Sent, and not confirmed yet. */
  #batch: Lines = []

  get isEmpty(): boolean {
    return this.#lines.length === 0 && this.#batch.length === 0
  }

  add(message: string, level: LogLevel): void {
    this.#lines.push({ at: new Date().toISOString(), level, message: cut(String(message), logLineLengthMax) })
    // One has to be left for the line that says it.
    if (this.#lines.length < logLinesMax) return
    this.#lines.shift()
    this.#dropped++
  }

  /** What to send next: the same until it is confirmed. */
  next(): Lines {
    if (this.#batch.length > 0) return this.#batch
    if (this.#dropped > 0) {
      const message = `${this.#dropped} lines were dropped here: they came faster than they could be sent`
      this.#lines.unshift({ at: new Date().toISOString(), level: 'warn', message })
      this.#dropped = 0
    }
    let bytes = 0
    const fits = this.#lines.findIndex((line) => {
      bytes += bytesOf(line)
      return bytes > batchBytesMax
    })
    this.#batch = this.#lines.splice(0, fits === -1 ? this.#lines.length : Math.max(1, fits))
    return this.#batch
  }

  confirmed(): void {
    this.#batch = []
  }

  clear(): void {
    this.#lines = []
    this.#batch = []
  }
}

/** No longer than it may be, and without halves of characters. */
function cut(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).toWellFormed()
}

/** Thrown because the signal was aborted, and not for a reason of the handler's. */
export function isOwnReason(thrown: unknown, { aborted, reason }: AbortSignal): boolean {
  return aborted && (thrown === reason || (thrown as Error | undefined)?.name === 'AbortError')
}

export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
