import { type Alarm, createAlarm } from '../core/alarm.ts'
import { parseCondition, type Reading } from '../core/condition.ts'
import type { Tx } from '../core/context.ts'
import { type DueWork, doAllDue, failedAmong } from '../core/due-work.ts'
import { inParts } from '../core/in-parts.ts'
import { failedRestMs, type Loop } from '../core/loop.ts'
import { caughtUp } from './catch-up.ts'
import type { Follower } from './follower.ts'
import type { CommandStore, Verifying } from './ports.ts'
import type { ExecutionChange, ExecutionRecord } from './record.ts'
import { successAt, verificationFailed, verified } from './verify.ts'

export interface VerificationsDeps {
  store: Pick<CommandStore, 'write' | 'afterEnd' | 'lock' | 'findExecutions' | 'verifying' | 'nextVerifyBy'>
  follower: Follower
  /** The newest reading of a metric, with its timestamp in ms, as far as memory has it. */
  lastReading(deviceId: string, metric: string): { at: number; reading: Reading } | undefined
  settle(tx: Tx, changes: readonly ExecutionChange[], now: number): Promise<void>
  now(): number
  onError(cause: unknown): void
}

type Rule = (execution: ExecutionRecord) => ExecutionRecord

const restMsMax = 5000
const settledAtOnce = 500

/**
 * Looks for the conditions of executions whose devices have succeeded, in what these devices measure from then on, until they
 * hold or the time is over. What began before this start, or on another node, is taken up within seconds.
 */
export class Verifications implements Loop {
  readonly #deps: VerificationsDeps
  readonly #max: number
  readonly #alarm: Alarm
  /** By execution. Executions for which the follower had no room are looked at again with each turn. */
  readonly #known = new Map<string, Verifying>()
  /**
   * Those whose frames were heard from the success on. Of these the newest reading says nothing more: it may be from
   * before, with a timestamp of a clock that is ahead.
   */
  readonly #heardWhole = new Set<string>()
  /** Those whose success is yet to be committed, and whether their condition has held meanwhile. */
  readonly #uncommitted = new Map<string, boolean>()
  readonly #passed = new Map<string, Verifying>()

  /** `max`: how many are known at once. */
  constructor(deps: VerificationsDeps, max: number) {
    this.#deps = deps
    this.#max = max
    const run = () => this.#run()
    this.#alarm = createAlarm({ now: deps.now, restMsMax, run, onError: deps.onError })
  }

  start(): void {
    this.#alarm.start()
  }

  async stop(): Promise<void> {
    await this.#alarm.stop()
    for (const id of [...this.#known.keys()]) this.end(id)
  }

  /** Does everything that is due; the loop does so by itself. */
  async sweep(): Promise<void> {
    await this.#run()
  }

  /**
   * A device succeeds, in this transaction: what it measures from this moment on counts. False: it is followed already, or
   * there is no room for now. Of one that does not come to be verified `end` is to be called.
   */
  begin(tx: Tx, one: Verifying): boolean {
    const { executionId } = one
    if (this.#known.has(executionId)) return false
    const isFollowed = this.#follow(one)
    if (isFollowed === undefined) return false
    if (isFollowed) this.#heardWhole.add(executionId)
    this.#uncommitted.set(executionId, false)
    this.#deps.store.afterEnd(tx, (committed) => {
      const hasHeld = this.#uncommitted.get(executionId)
      this.#uncommitted.delete(executionId)
      if (!committed) this.end(executionId)
      else if (hasHeld) this.#pass(one)
    })
    return true
  }

  /** What began before this start, on another node, or while there was no room: the newest reading may be from since then. */
  #takeUp(one: Verifying): void {
    if (this.#follow(one) !== undefined && this.#hasPassed(one)) this.#pass(one)
  }

  /** False: the follower has no room. Undefined: it is followed already, or too many are known. */
  #follow(one: Verifying): boolean | undefined {
    const { executionId, deviceId, verify, verifyBy } = one
    this.#alarm.expect(verifyBy)
    const isKnown = this.#known.has(executionId)
    if (isKnown ? this.#deps.follower.has(keyOf(executionId)) : this.#known.size >= this.#max) return undefined
    this.#known.set(executionId, one)
    const holds = (_: Reading, at: number) => {
      if (at <= verifyBy) this.#pass(one)
    }
    const condition = parseCondition(verify.metric, 'verify.metric')
    return this.#deps.follower.follow(keyOf(executionId), { deviceId, condition, holds })
  }

  /** It has ended. */
  end(executionId: string): void {
    this.#deps.follower.leave(keyOf(executionId))
    this.#known.delete(executionId)
    this.#heardWhole.delete(executionId)
    this.#uncommitted.delete(executionId)
    this.#passed.delete(executionId)
  }

  async #run(): Promise<number | undefined> {
    const { store, now } = this.#deps
    await this.#catchUp()
    const pass: Rule = (execution) => verified(execution, now())
    const judge = (one: Verifying): Rule => {
      if (!this.#heardWhole.has(one.executionId) && this.#hasPassed(one)) return pass
      const last = this.#deps.follower.last(keyOf(one.executionId))
      return (execution) => verificationFailed(execution, one.verify, last, now())
    }
    const due: DueWork<Verifying, string> = {
      atOnce: settledAtOnce,
      find: ({ size }) => store.verifying(now(), settledAtOnce + size),
      idOf: ({ executionId }) => executionId,
      act: (ones) => this.#settle(ones, judge),
    }
    const notPassed = await this.#settle([...this.#passed.values()], () => pass)
    const isJudged = await doAllDue([due])
    return notPassed.length === 0 && isJudged ? store.nextVerifyBy() : now() + failedRestMs
  }

  /** Some of a command at a time; what cannot be changed does not hold up the others. Resolves with the ids of such. */
  async #settle(all: readonly Verifying[], ruleOf: (one: Verifying) => Rule): Promise<string[]> {
    const { store, onError } = this.#deps
    const settlePart = async (of: readonly Verifying[]) => {
      const { commandId } = of[0]!
      const rules = new Map(of.map((one) => [one.executionId, ruleOf(one)]))
      await store.write((tx) => this.#change(tx, commandId, rules))
      for (const { executionId } of of) this.end(executionId)
    }
    const ofCommands = Map.groupBy(all, (one) => one.commandId).values()
    const parts = [...ofCommands.flatMap((of) => inParts(of, settledAtOnce))]
    const failed = await failedAmong(parts, settlePart, { onError })
    return failed.flat().map(({ executionId }) => executionId)
  }

  async #change(tx: Tx, commandId: string, rules: ReadonlyMap<string, Rule>): Promise<void> {
    const { store, settle, now } = this.#deps
    // Locks it: what another node, or a cancel, has made of them is seen from here on.
    await store.lock(tx, commandId)
    const found = await store.findExecutions([...rules.keys()], tx)
    const changes = found
      .filter(({ subStatus }) => subStatus === 'verifying')
      .map((before) => ({ before, after: rules.get(before.executionId)!(before) }))
    await settle(tx, changes, now())
  }

  /** Takes up what it does not know, and leaves what has ended elsewhere. */
  async #catchUp(): Promise<void> {
    const read = async (max: number) => {
      const found = await this.#deps.store.verifying(undefined, max)
      return found.map((one) => [one.executionId, one] as const)
    }
    const keys = () => this.#known.keys().filter((executionId) => !this.#uncommitted.has(executionId))
    const current = await caughtUp({ keys }, this.#max, read, (executionId) => this.end(executionId))
    const now = this.#deps.now()
    for (const one of current.values()) if (one.verifyBy > now) this.#takeUp(one)
  }

  /** Whether the newest reading is from after the success, and meets the condition. */
  #hasPassed(one: Verifying): boolean {
    const { metric, forMs, holds } = parseCondition(one.verify.metric, 'verify.metric')
    const last = forMs === 0 ? this.#deps.lastReading(one.deviceId, metric) : undefined
    return last !== undefined && last.at > successAt(one) && holds(last.reading)
  }

  #pass(one: Verifying): void {
    if (this.#uncommitted.has(one.executionId)) {
      this.#uncommitted.set(one.executionId, true)
      return
    }
    this.#passed.set(one.executionId, one)
    this.#alarm.expect(this.#deps.now())
  }
}

function keyOf(executionId: string): string {
  return `verify ${executionId}`
}
