import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from '../harness/statistics.ts'
import type { RunQueue, Working } from './peers/peer.ts'

/** From when a run was due to the start of its handler. */
export interface Delays {
  p50Ms: number
  p95Ms: number
  p99Ms: number
  lastMs: number
}

export interface Dispatched extends Delays {
  runsPerSecond: number
}

const perSecond = 20
const concurrency = 32
const patienceMs = 300_000

/** Runs that are added one at a time, each due at once, while a worker waits. */
export async function measureSteady(queue: RunQueue, seconds: number): Promise<Dispatched> {
  const runs = new Starts()
  const working = await queue.work(concurrency, runs.started)
  const begun = performance.now()
  const count = Math.round(seconds * perSecond)
  for (let id = 0; id < count; id++) {
    await pause(Math.max(0, begun + (id * 1000) / perSecond - performance.now()))
    runs.due(id, Date.now())
    await queue.add([{ id, at: undefined }])
  }
  return runs.end(working, count, performance.now() - begun)
}

/** So many clients, each of which adds its next run once its last one has started. */
export async function measureSaturated(queue: RunQueue, seconds: number): Promise<Dispatched> {
  const runs = new Starts()
  const working = await queue.work(concurrency, runs.started)
  const begun = performance.now()
  const end = begun + seconds * 1000
  let added = 0
  const client = async () => {
    while (performance.now() < end) {
      const id = added++
      const start = runs.due(id, Date.now())
      await queue.add([{ id, at: undefined }])
      await start
    }
  }
  await Promise.all(Array.from({ length: concurrency }, client))
  return runs.end(working, added, performance.now() - begun)
}

/** So many runs that are all due at one instant. */
export async function measureDueTogether(queue: RunQueue, count: number, leadMs: number): Promise<Delays> {
  const runs = new Starts()
  const at = Math.ceil((Date.now() + leadMs) / 1000) * 1000
  const working = await queue.work(concurrency, runs.started)
  await queue.add(Array.from({ length: count }, (_, id) => ({ id, at })))
  if (Date.now() > at) throw new Error(`adding ${count} runs took longer than the ${leadMs} ms that it may`)
  for (let id = 0; id < count; id++) runs.due(id, at)
  return runs.end(working, count, 0)
}

/** So many schedules that are due at the same full minute; undefined: the system has none. */
export async function measureSchedules(queue: RunQueue, count: number): Promise<Delays | undefined> {
  if (!queue.workOnSchedules) return undefined
  const runs = new Starts()
  let at: number | undefined
  // A minute that begins while schedules are made would count only some.
  const isMeant = () => at !== undefined && Date.now() >= at && Date.now() < at + 55_000
  const working = await queue.workOnSchedules(count, concurrency, (id) => {
    if (isMeant()) runs.started(id)
  })
  at = (Math.floor(Date.now() / 60_000) + 1) * 60_000
  for (let id = 0; id < count; id++) runs.due(id, at)
  return runs.end(working, count, 0)
}

/** When runs were due, and when each started, once. */
class Starts {
  readonly #due = new Map<number, { at: number; started: PromiseWithResolvers<void> }>()
  readonly #delays: number[] = []
  readonly #twice = new Set<number>()
  #count: number | undefined
  readonly #all = Promise.withResolvers<void>()

  due(id: number, at: number): Promise<void> {
    const started = Promise.withResolvers<void>()
    this.#due.set(id, { at, started })
    return started.promise
  }

  readonly started = (id: number): void => {
    const run = this.#due.get(id)
    if (!run) {
      this.#twice.add(id)
      return
    }
    this.#due.delete(id)
    this.#delays.push(Date.now() - run.at)
    run.started.resolve()
    if (this.#delays.length === this.#count) this.#all.resolve()
  }

  /** Waits until so many have started, and stops the work. Throws if one is missing, or started twice. */
  async end(working: Working, count: number, tookMs: number): Promise<Dispatched> {
    this.#count = count
    const late = new AbortController()
    const isLate = pause(patienceMs, 'late', { signal: late.signal }).catch(() => undefined)
    if (this.#delays.length < count) await Promise.race([this.#all.promise, isLate])
    late.abort()
    await working.stop()
    if (this.#delays.length !== count) throw new Error(`${count - this.#delays.length} of ${count} runs did not start`)
    if (this.#twice.size > 0) throw new Error(`${this.#twice.size} runs started twice`)
    const at = (share: number) => percentile(this.#delays, share)
    return { p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99), lastMs: at(1), runsPerSecond: (count / tookMs) * 1000 }
  }
}
