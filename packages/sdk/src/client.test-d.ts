import type { ApiKeyCreated, EventType, Frame, Input, OperationId, Output, QueryOutput } from '@nexus/contract'
import type { NexusClient } from './client.ts'
import type { StreamedEvent } from './event-stream.ts'
import { RunFailure } from './worker/run-failure.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Expect<T extends true> = T

type Methods<T, Path extends string = ''> = {
  [K in keyof T & string]: T[K] extends (...args: never[]) => unknown ? `${Path}${K}` : Methods<T[K], `${Path}${K}.`>
}[keyof T & string]

export type Guarantees = [
  Expect<
    Equal<Methods<Omit<NexusClient, 'invoke' | 'subscribe' | 'device' | 'worker'>>, OperationId | 'events.stream'>
  >,
  Expect<Equal<Awaited<ReturnType<NexusClient['telemetry']['query']>>, QueryOutput>>,
  Expect<Equal<Awaited<ReturnType<NexusClient['auth']['keys']['rotate']>>, ApiKeyCreated>>,
  Expect<Equal<Awaited<ReturnType<NexusClient['auth']['keys']['revoke']>>, null>>,
  Expect<Equal<Parameters<NexusClient['telemetry']['frames']['batch']>[0], Input<'telemetry.frames.batch'>>>,
  Expect<Equal<Output<'telemetry.frames.batch'>['accepted'], number>>,
  Expect<Equal<ReturnType<NexusClient['events']['stream']>, AsyncGenerator<StreamedEvent, never>>>,
  Expect<Equal<StreamedEvent['type'], EventType | 'stream.gap'>>,
]

export async function calls(client: NexusClient, frame: Frame) {
  await client.telemetry.frames.send(frame)
  await client.telemetry.latest()
  const batch = await client.invoke('telemetry.frames.batch', { frames: [frame] })
  batch.rejected satisfies number
  // @ts-expect-error: an input with required fields cannot be left out
  await client.telemetry.query()
  // @ts-expect-error: device_id is required
  await client.telemetry.frames.send({ metrics: {} })
  // @ts-expect-error: no such operation
  await client.telemetry.frames.sent(frame)
  // @ts-expect-error: no such operation
  await client.invoke('telemetry.frames', frame)
  // @ts-expect-error: no such aggregation
  await client.telemetry.query({ start_time: 0, end_time: 1, aggregation: 'mean' })
  // @ts-expect-error: no such field
  await client.telemetry.tags({ keys: 'region' })
}

export function devices(client: NexusClient) {
  const device = client.device('d', { maxConcurrency: 4, transport: 'long-poll' })
  device.on<{ service: string }, { restarted: boolean }>('restart', async ({ parameters, signal, progress, log }) => {
    parameters.service satisfies string
    signal satisfies AbortSignal
    progress(10, 'stopping')
    log('stopped', 'warn')
    // @ts-expect-error: there is no such level
    log('stopped', 'loud')
    return { restarted: true }
  })
  device.on('health', ({ parameters }) => {
    parameters satisfies Record<string, unknown>
    // @ts-expect-error: nothing says of which type it is
    parameters.deep satisfies boolean
  })
  // @ts-expect-error: not what the handler says that it returns
  device.on<object, { restarted: boolean }>('restart', () => ({ restarted: 'yes' }))
  device.onAny(({ name }) => name, { idempotent: true }).start() satisfies Promise<void>
  device.stop({ graceMs: 0 }) satisfies Promise<void>
  // @ts-expect-error: there is no such transport
  client.device('d', { transport: 'carrier-pigeon' })
}

export async function workers(client: NexusClient) {
  await using worker = client.worker({ id: 'w', queues: ['default', 'large'], concurrency: 4 })
  worker.handle<{ day: string }, { rows: number }, { page: number }>('roll-up', async (run) => {
    run.parameters.day satisfies string
    run.checkpoint satisfies { page: number } | null
    run.signal satisfies AbortSignal
    run.progress(10, 'reading')
    run.log('read')
    run.log('read twice', 'warn')
    // @ts-expect-error: there is no such level
    run.log('loud', 'read')
    await run.saveCheckpoint({ page: 2 })
    // @ts-expect-error: not of the type of its checkpoints
    await run.saveCheckpoint('page 2')
    if (run.deadline) throw new RunFailure('too_late', 'not in time', { retryable: false, retryAfterSeconds: 60 })
    return { rows: 3 }
  })
  worker.handle('plain', ({ parameters, checkpoint }) => {
    parameters satisfies Record<string, unknown>
    // @ts-expect-error: nothing says of which type it is
    checkpoint satisfies { page: number }
  })
  // @ts-expect-error: not what the handler says that it returns
  worker.handle<object, { rows: number }>('roll-up', () => ({ rows: 'three' }))
  worker.start()
  worker.stop({ graceMs: 0 }) satisfies Promise<void>
  // @ts-expect-error: a list
  client.worker({ queues: 'default' })
}

export async function streams(client: NexusClient) {
  for await (const event of client.events.stream({ event_types: 'task.*' }, { signal: AbortSignal.timeout(1) })) {
    if (event.type === 'stream.gap') {
      event.data satisfies { requested: string; first_available: string }
      event.id satisfies undefined
      continue
    }
    event.type satisfies EventType
    event.id satisfies string
    if (event.type === 'telemetry.frame') event.data.metrics satisfies Record<string, unknown>
    if (event.type === 'device.offline') event.data.reason satisfies 'silent' | 'disconnected'
    if (event.type === 'task.failed') event.data.task_id satisfies unknown
    // @ts-expect-error: only a gap says where the stream goes on
    event.data.first_available satisfies string
    // @ts-expect-error: such an event ends a stream, and is not handed on
    if (event.type === 'stream.shutdown') return
  }
  for await (const message of client.subscribe('telemetry', { filters: { device_id: 'd' }, after: 'earliest' })) {
    message.id satisfies string
    if (message.type === 'stream.gap') message.payload.first_available satisfies string
    else message.cursor satisfies string
    if (message.type === 'device.online') message.payload.status satisfies 'online' | 'offline'
    // @ts-expect-error: what ends a connection is not handed on
    if (message.type === 'stream.shutdown') return
  }
  // @ts-expect-error: there is no such channel
  client.subscribe('weather')
  // @ts-expect-error: filters are an object, not their JSON
  client.events.stream({ filters: '{}' })
  // @ts-expect-error: the client has the key already
  client.events.stream({ token: 'k' })
}
