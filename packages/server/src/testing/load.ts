import { deepEqual, equal, ok } from 'node:assert/strict'
import { createClient, NexusError } from '@nexus/sdk'

const start = Date.UTC(2025, 10, 3)
const pageRows = 5000

/** The metrics of frame `n`: three, so that half a frame would show. */
function metricsOf(n: number) {
  return { count: 1, value: n, text: `text ${n}` }
}

/** Numbers of the frames that a server acknowledged, and of those that it may or may not have kept. */
export interface Ledger {
  acknowledged: Set<number>
  unsure: Set<number>
}

export function emptyLedger(): Ledger {
  return { acknowledged: new Set(), unsure: new Set() }
}

export interface Load {
  /** Resolves when this many frames were acknowledged. */
  acknowledged(frames: number): Promise<void>
  /** Resolves when every sender has met a server that is gone, or was told to end. */
  ended: Promise<unknown>
  end(): void
}

/** Sends frames over four connections, one by one and in batches, while a fifth asks, until the server goes away. */
export function startLoad(url: string, apiKey: string, ledger: Ledger): Load {
  const client = createClient({ url, apiKey, retry: false, timeoutMs: 15_000 })
  const waiting: { frames: number; resolve(): void }[] = []
  let [acknowledged, ending] = [0, false]

  const send = async (size: number): Promise<void> => {
    const first = ledger.acknowledged.size + ledger.unsure.size
    const numbers = Array.from({ length: size }, (_, i) => first + i)
    for (const n of numbers) ledger.unsure.add(n)
    const frames = numbers.map(frameOf)
    if (size === 1) await client.telemetry.frames.send(frames[0]!)
    else equal((await client.telemetry.frames.batch({ frames })).accepted, size)
    for (const n of numbers) {
      ledger.unsure.delete(n)
      ledger.acknowledged.add(n)
    }
    acknowledged += size
    for (const { frames, resolve } of waiting) if (acknowledged >= frames) resolve()
  }
  const ask = async () => {
    const range = { start_time: start, end_time: start + 86_400_000 }
    await client.telemetry.query({ ...range, metrics: 'count', aggregation: 'sum', interval: '1h' })
  }
  const keepOn = async (turn: () => Promise<void>) => {
    while (!ending) {
      try {
        await turn()
      } catch (cause) {
        if (cause instanceof NexusError && (cause.status === 0 || cause.status === 503)) return
        throw cause
      }
    }
  }
  const turns = [() => send(1), () => send(1), () => send(7), () => send(40), ask]
  return {
    ended: Promise.all(turns.map(keepOn)),
    acknowledged: (frames) => new Promise((resolve) => waiting.push({ frames, resolve })),
    end() {
      ending = true
    },
  }
}

/** Frames go to three devices, and into four hours of each. */
function frameOf(n: number) {
  return {
    device_id: `d${n % 3}`,
    timestamp: start + (n % 4) * 3_600_000 + n,
    metrics: metricsOf(n),
    tags: { parity: String(n % 2) },
  }
}

/** Asserts that a server holds every frame that was acknowledged, once and whole, and of the others none in part. */
export async function assertKept(url: string, apiKey: string, ledger: Ledger): Promise<void> {
  const client = createClient({ url, apiKey, retry: false })
  const range = { start_time: start, end_time: start + 86_400_000 }
  const kept = new Set<number>()
  let cursor: string | null | undefined
  do {
    const page = await client.telemetry.query({ ...range, limit: pageRows, ...(cursor && { cursor }) })
    for (const { timestamp: _, device_id, ...metrics } of page.data) {
      const n = Number(metrics.value)
      deepEqual(metrics, metricsOf(n), `frame ${n} is not whole`)
      equal(device_id, `d${n % 3}`)
      ok(!kept.has(n), `frame ${n} is there twice`)
      ok(ledger.acknowledged.has(n) || ledger.unsure.has(n), `frame ${n} was never sent`)
      kept.add(n)
    }
    cursor = page.next_cursor
  } while (cursor)
  const lost = [...ledger.acknowledged].filter((n) => !kept.has(n))
  equal(lost.length, 0, `${lost.length} acknowledged frames are lost, the first is ${lost[0]}`)

  const total = [...kept].reduce((sum, n) => sum + n, 0)
  for (const resolution of ['auto', 'raw'] as const) {
    const count = await client.telemetry.query({ ...range, metrics: 'count,text', aggregation: 'count', resolution })
    equal(count.data[0]?.count ?? 0, kept.size, `count, ${resolution}`)
    equal(count.data[0]?.text ?? 0, kept.size, `count of text, ${resolution}`)
    const sum = await client.telemetry.query({
      ...range,
      metrics: 'value',
      aggregation: 'sum',
      interval: '1h',
      resolution,
    })
    equal(
      sum.data.reduce((so, { value }) => so + Number(value), 0),
      total,
      `sum, ${resolution}`,
    )
    const grouped = { ...range, metrics: 'count', aggregation: 'sum', group_by: 'tag.parity', resolution } as const
    const odd = (await client.telemetry.query(grouped)).data.find((row) => row['tag.parity'] === '1')
    equal(odd?.count ?? 0, [...kept].filter((n) => n % 2 === 1).length, `tags, ${resolution}`)
  }
}
