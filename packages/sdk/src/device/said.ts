import type { CommandError, Input } from '@nexus/contract'
import { deviceLimits } from '../contract-data.ts'
import { bytesOf } from '../socket.ts'
import type { LogLevel, Outcome } from './command.ts'
import { DeviceError } from './device-error.ts'

type Lines = Input<'executions.logs'>['lines']

const { messageLengthMax, logLineLengthMax, logLinesMax, resultBytesMax } = deviceLimits
const codeLengthMax = 128
/** So that a batch of lines fits into a message. */
const batchBytesMax = 48 * 1024

/** How a handler's value is reported. */
export function completedWith(value: unknown): Outcome {
  try {
    const text = JSON.stringify(value)
    if (text === undefined) return { status: 'completed' }
    const bytes = new TextEncoder().encode(text).length
    if (bytes > resultBytesMax)
      return failedWith(
        new DeviceError('result_too_large', `${bytes} bytes as JSON, at most ${resultBytesMax} are kept`),
      )
    return { status: 'completed', result: JSON.parse(text) }
  } catch (cause) {
    return failedWith(new DeviceError('invalid_result', `no JSON: ${(cause as Error).message}`, { cause }))
  }
}

/** How what a handler threw is reported. */
export function failedWith(thrown: unknown): Outcome {
  return { status: 'failed', error: errorOf(thrown) }
}

/** Its code, if it has one, which errors of Node have too. */
export function codeAmong(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' && code !== '' ? code : undefined
}

function errorOf(thrown: unknown): CommandError {
  const code = codeAmong(thrown) ?? 'failed'
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { code: cut(code, codeLengthMax), message: cut(message, messageLengthMax) }
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
