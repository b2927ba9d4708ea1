import { setImmediate as endOfTick } from 'node:timers/promises'
import type { Tx } from '../core/context.ts'
import { newTraceId } from '../core/ids.ts'
import type { Events } from '../events/index.ts'
import { publishNews } from './news.ts'
import type { DeviceRecord, DeviceStore } from './ports.ts'
import type { Presence, Taken } from './presence.ts'
import { changeOf, type Heard, isChange, type Outcome, settle } from './settle.ts'

export interface RegistryDeps {
  store: DeviceStore
  events: Pick<Events, 'publish'>
  presence: Presence
  now(): number
}

/** What memory knows, on its way into the state. */
export interface Registry {
  /** Resolves when what had changed by the call, of one device or of all, is written; what fails stays to be written. */
  flush(deviceId?: string): Promise<void>
  /**
   * Writes down when devices were last seen, where that is not written yet. Those that another node has deleted or told
   * offline meanwhile have changed then.
   */
  saveSeen(): Promise<void>
  /** Registers what telemetry remembers of devices and the registry does not. */
  reconcile(known: readonly Heard[]): Promise<void>
}

/** A transaction keeps others waiting, on SQLite all of them: so few at once that it takes some milliseconds. */
const devicesAtOnce = 50
const seenAtOnce = 500
const foundAtOnce = 1000

export function createRegistry(deps: RegistryDeps): Registry {
  const { store, presence } = deps
  /** The last write of each device that is being written. */
  const underWay = new Map<string, Promise<void>>()
  let turn: Promise<void> | undefined

  const write = (taken: readonly Taken[]): Promise<void> => {
    const ids = taken.map(({ heard }) => heard.deviceId)
    // Of one device, what came first is written first.
    const done = allEnded(ids.flatMap((id) => underWay.get(id) ?? []))
      .then(() => store.write((tx) => writeDown(deps, tx, taken)))
      .catch((cause) => {
        presence.giveBack(taken)
        throw cause
      })
      .finally(() => {
        for (const id of ids) if (underWay.get(id) === done) underWay.delete(id)
      })
    for (const id of ids) underWay.set(id, done)
    return done
  }
  const writeAll = async () => {
    for (let left = presence.changed; left > 0; left -= devicesAtOnce) {
      const taken = presence.take(Math.min(left, devicesAtOnce))
      if (taken.length === 0) return
      await write(taken)
      if (left > devicesAtOnce) await endOfTick()
    }
  }
  const flushAll = async () => {
    await allEnded([turn])
    if (presence.changed > 0) {
      turn ??= writeAll().finally(() => {
        turn = undefined
      })
      await turn
    }
    // Who asked for one device may have taken that meanwhile.
    await Promise.all(underWay.values())
  }
  const flushOne = async (deviceId: string) => {
    await allEnded([underWay.get(deviceId)])
    const taken = presence.takeOne(deviceId)
    if (taken) await write([taken])
    else await underWay.get(deviceId)
  }

  return {
    flush: (deviceId) => (deviceId === undefined ? flushAll() : flushOne(deviceId)),
    async saveSeen() {
      for (const seen of inParts(presence.unsaved(), seenAtOnce)) {
        const noted = await store.write(async (tx) => {
          await store.lock(tx)
          return store.noteSeen(tx, seen)
        })
        presence.saved(seen, noted)
        await endOfTick()
      }
    },
    async reconcile(known) {
      for (const page of inParts(known, foundAtOnce)) {
        const found = byId(await store.find(page.map(idOf)))
        const missing = page.filter((heard) => isNews(found.get(heard.deviceId), heard, deps.now()))
        for (const part of inParts(missing, devicesAtOnce)) await store.write((tx) => settleAll(deps, tx, part))
      }
    },
  }
}

async function writeDown(deps: RegistryDeps, tx: Tx, taken: readonly Taken[]): Promise<void> {
  const heard = taken.map((one) => one.heard)
  const kept = await settleAll(deps, tx, heard)
  deps.store.afterCommit(tx, () => {
    for (const [i, one] of taken.entries()) deps.presence.written(one, kept[i])
  })
}

/** Resolves when all have ended, one way or the other. */
async function allEnded(writes: readonly (Promise<void> | undefined)[]): Promise<void> {
  await Promise.allSettled(writes)
}

/** Writes what was heard and tells of it, in one transaction. Returns what is kept of each. */
async function settleAll(
  { store, events, now }: RegistryDeps,
  tx: Tx,
  heard: readonly Heard[],
): Promise<(DeviceRecord | undefined)[]> {
  await store.lock(tx)
  const found = byId(await store.find(heard.map(idOf), tx))
  const outcomes = heard.map((one) => settle(found.get(one.deviceId), one, now()))
  const changed = outcomes.filter((outcome) => outcome !== undefined && isChange(outcome)) as Outcome[]
  const changes = changed.map(({ before, after }) => changeOf(before, after))
  await store.save(tx, changes)
  for (const [i, outcome] of outcomes.entries()) {
    const { traceId = newTraceId(), reason } = heard[i]!
    if (outcome) await publishNews(events, { tx, traceId }, outcome, reason)
  }
  return outcomes.map((outcome) => outcome && (isChange(outcome) ? outcome.after : outcome.before))
}

function isNews(found: DeviceRecord | undefined, heard: Heard, now: number): boolean {
  const outcome = settle(found, heard, now)
  return outcome !== undefined && isChange(outcome)
}

function idOf({ deviceId }: Heard): string {
  return deviceId
}

function byId(records: readonly DeviceRecord[]): Map<string, DeviceRecord> {
  return new Map(records.map((record) => [record.deviceId, record]))
}

function* inParts<T>(all: Iterable<T>, size: number): Generator<T[]> {
  let part: T[] = []
  for (const one of all) {
    part.push(one)
    if (part.length < size) continue
    yield part
    part = []
  }
  if (part.length > 0) yield part
}
