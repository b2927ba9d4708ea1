import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { DeviceError } from '@nexus/sdk'

export interface SupervisorOptions {
  command: [program: string, ...args: string[]]
  /** How long it must run to count as up. */
  settleMs?: number
  onLine?(line: string): void
}

const linesMax = 1000
const lineLengthMax = 1000
const restMsMax = 30_000

/**
 * Keeps a process running: one that ends by itself is started again, after waits that grow while it doesn't come up.
 *
 *     stopped -> running -> (ended by itself) -> running
 *                   |
 *                   +----> stopping -> stopped
 */
export class Supervisor {
  readonly #options: Required<SupervisorOptions>
  readonly #lines: string[] = []
  #child: ChildProcess | undefined
  #startedAt = 0
  #isWanted = false
  #failures = 0
  #again: ReturnType<typeof setTimeout> | undefined
  restarts = 0

  constructor(options: SupervisorOptions) {
    this.#options = { settleMs: 500, onLine: () => {}, ...options }
  }

  /** Undefined: it doesn't run. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get uptimeSeconds(): number {
    return this.#child ? Math.floor((Date.now() - this.#startedAt) / 1000) : 0
  }

  /** What it wrote last, oldest first. */
  lines(count: number): string[] {
    return this.#lines.slice(-count)
  }

  /** Resolves once it is up. Errors: DeviceError (`service_not_up`); it is tried again by itself. */
  async start(): Promise<void> {
    this.#isWanted = true
    clearTimeout(this.#again)
    const child = this.#spawn()
    const ended = new AbortController()
    const settled = pause(this.#options.settleMs, undefined, { signal: ended.signal }).catch(() => {})
    const isUp = await Promise.race([settled.then(() => true), this.#endOf(child).then(() => false)])
    ended.abort()
    if (!isUp) throw new DeviceError('service_not_up', `it ended within ${this.#options.settleMs} ms`)
    this.#failures = 0
  }

  /** Asks it to end, and ends it when the time is over. True: it had to be killed. Errors: the reason of the signal. */
  async stop(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    this.#isWanted = false
    clearTimeout(this.#again)
    const child = this.#child
    if (!child) return false
    const ended = this.#endOf(child)
    child.kill('SIGTERM')
    const wait = new AbortController()
    const abort = signal ? AbortSignal.any([signal, wait.signal]) : wait.signal
    const late = pause(timeoutMs, undefined, { signal: abort }).catch(() => {})
    const isLate = await Promise.race([ended.then(() => false), late.then(() => true)])
    wait.abort()
    if (signal?.aborted && isLate) {
      // It ends in its own time, and is then started again.
      this.#isWanted = true
      throw signal.reason
    }
    if (isLate) child.kill('SIGKILL')
    await ended
    return isLate
  }

  #spawn(): ChildProcess {
    const [program, ...args] = this.#options.command
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#startedAt = Date.now()
    for (const stream of [child.stdout, child.stderr]) this.#read(stream)
    child.on('error', (error) => this.#keep(`could not be started: ${error.message}`))
    void this.#endOf(child).then(() => {
      if (this.#child === child) this.#child = undefined
      if (this.#isWanted) this.#startAgain()
    })
    return child
  }

  #startAgain(): void {
    const restMs = Math.min(restMsMax, 1000 * 2 ** this.#failures++)
    clearTimeout(this.#again)
    this.#again = setTimeout(() => {
      this.restarts++
      this.start().catch(({ message }: Error) => this.#isWanted && this.#keep(`not up: ${message}`))
    }, restMs)
  }

  #read(stream: Readable): void {
    createInterface({ input: stream }).on('line', (line) => this.#keep(line))
  }

  #keep(text: string): void {
    const line = text.slice(0, lineLengthMax)
    if (this.#lines.push(line) > linesMax) this.#lines.shift()
    this.#options.onLine(line)
  }

  /** Also of one that could not be started. */
  async #endOf(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    await once(child, 'close').catch(() => {})
  }
}
