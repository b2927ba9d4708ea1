import type { Output, RunStanding } from '@nexus/contract'
import { errorTable, workerLimits } from '../contract-data.ts'
import { Courier, type CourierDeps } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import { NexusError } from '../nexus-error.ts'
import { bytesOf } from '../socket.ts'
import type { Asked, Leasing } from './leasing.ts'
import { type EndReport, sayOf } from './run-report.ts'

export interface EndsDeps extends CourierDeps {
  invoke: Invoke
  timeoutMs: number
  workerId: string
  /** What is asked for with a report. */
  leasing: Pick<Leasing, 'ask' | 'given' | 'unanswered'>
}

/** So that three tries fit into a lease. */
const answerMs = 8000
/** What else there is in a report. */
const besidesBytes = 128 * 1024

interface Saying {
  /** Undefined: there is nothing to say any more. */
  next(): EndReport | undefined
  answer: PromiseWithResolvers<RunStanding | undefined>
  /**
   * With others it was refused, or the server broke at it: it is said by itself, so that its own fault is told and no other
   * waits for it.
   */
  isAlone: boolean
}

interface Report {
  sayings: readonly Saying[]
  ends: readonly EndReport[]
  lease: Asked | undefined
}

type Answers = Output<'workers.report'>['ends']

/**
 * Says how attempts ended: one report at a time, and what ends meanwhile goes together in the next; nobody waits where none is
 * under way. What fails in passing is said again, with what has ended by then.
 */
export class Ends {
  readonly #deps: EndsDeps
  readonly #courier: Courier<Report, Answers>
  readonly #waiting = new Set<Saying>()
  #isUnderWay = false
  #isClosed = false

  constructor(deps: EndsDeps) {
    this.#deps = deps
    this.#courier = new Courier(deps)
  }

  open(): void {
    this.#courier.use({ keepsLeases: false, isOver: false, report: (report) => this.#report(report) })
  }

  /** Nothing more is said. */
  close(): void {
    this.#isClosed = true
    this.#courier.close()
  }

  /** See `Courier.send`. */
  send(next: () => EndReport | undefined): Promise<RunStanding | undefined> {
    const answer = Promise.withResolvers<RunStanding | undefined>()
    this.#waiting.add({ next, answer, isAlone: false })
    void this.#go()
    return answer.promise
  }

  async #go(): Promise<void> {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    while (this.#waiting.size > 0) await this.#say()
    this.#isUnderWay = false
  }

  async #say(): Promise<void> {
    let said: Report | undefined
    try {
      const answers = await this.#courier.send(() => {
        said = this.#gather()
        return said
      })
      if (answers) for (const [i, saying] of said!.sayings.entries()) this.#answer(saying, answers[i]!)
      else if (this.#isClosed) for (const saying of this.#waiting) this.#answer(saying, undefined)
    } catch (error) {
      const { sayings, lease } = said!
      if (sayings.length > 1 || lease) for (const saying of sayings) saying.isAlone = true
      else this.#refuse(sayings[0]!, error)
    }
  }

  /** Those that have waited longest, as far as they fit. */
  #gather(): Report | undefined {
    const sayings: Saying[] = []
    const ends: EndReport[] = []
    let bytes = besidesBytes
    for (const saying of this.#waiting) {
      const end = saying.next()
      if (!end) {
        this.#answer(saying, undefined)
        continue
      }
      bytes += bytesOf(end.input)
      const isTooMuch = bytes > workerLimits.reportBytesMax || ends.length === workerLimits.endsMax
      if (ends.length > 0 && (isTooMuch || saying.isAlone)) break
      sayings.push(saying)
      ends.push(end)
      if (saying.isAlone) break
    }
    const [first] = sayings
    if (!first) return undefined
    return { sayings, ends, lease: first.isAlone ? undefined : this.#deps.leasing.ask(ends.length) }
  }

  async #report(report: Report): Promise<Answers> {
    try {
      return await this.#call(report)
    } catch (error) {
      if (error instanceof NexusError && error.status >= 500) this.#setApart(report)
      throw error
    }
  }

  /** One of them may be what breaks the server: each is said by itself, behind all others. */
  #setApart({ sayings }: Report): void {
    for (const saying of sayings) {
      saying.isAlone = true
      this.#waiting.delete(saying)
      this.#waiting.add(saying)
    }
  }

  async #call({ ends, lease }: Report): Promise<Answers> {
    const { invoke, workerId: worker_id, leasing } = this.#deps
    const options = { timeoutMs: Math.min(this.#deps.timeoutMs, answerMs) }
    if (ends.length === 1 && !lease) return [await sayOf(invoke, ends[0]!, options)]
    const input = { worker_id, ends: ends.map((end) => end.input), ...(lease && { lease }) }
    try {
      const answer = await invoke('workers.report', input, options)
      if (lease) leasing.given(lease, answer.runs)
      return answer.ends
    } catch (error) {
      if (lease) leasing.unanswered(lease, error)
      throw error
    }
  }

  #answer(saying: Saying, answer: Answers[number] | undefined): void {
    if (answer && 'error' in answer) {
      const { code, message, details } = answer.error
      this.#refuse(saying, new NexusError(code, message, { status: errorTable[code].http, details }))
      return
    }
    this.#waiting.delete(saying)
    saying.answer.resolve(answer)
  }

  #refuse(saying: Saying, error: unknown): void {
    this.#waiting.delete(saying)
    saying.answer.reject(error)
  }
}
