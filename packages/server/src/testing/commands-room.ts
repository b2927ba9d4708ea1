import type { TestContext } from 'node:test'
import type { Event, Execution, ExecutionOrder, Input } from '@nexus/contract'
import { type Callback, type CommandsOptions, createCommands } from '../commands/index.ts'
import type { Reading } from '../core/condition.ts'
import type { Principal } from '../core/context.ts'
import { createCommandStore, createWorkStore } from '../storage/state/index.ts'
import { createWork } from '../work/index.ts'
import { openDevicesRoom } from './devices-room.ts'
import { emitFrame, placeOf, type RoomPlace } from './events-room.ts'
import { callerOver } from './gate.ts'
import { admin } from './telemetry-room.ts'

export interface CommandsRoomOptions extends Partial<CommandsOptions>, RoomPlace {}

/** The room of commands behind the gate, with the engine under it. No loop runs by itself. */
export async function openCommandsRoom(t: TestContext, room: CommandsRoomOptions = {}) {
  const { place, options } = placeOf(room)
  const opened = await openDevicesRoom(t, place)
  const { clock, events, devices, state, sealer, ctx } = opened
  const now = () => clock.now()
  const called: Callback[] = []
  const readings = new Map<string, { at: number; reading: Reading }>()
  const onError = (cause: unknown) => t.diagnostic(String(cause))
  const work = createWork({
    store: createWorkStore(state, now),
    now,
    random: () => 0.5,
    rooms: {
      get command() {
        return commands.workRoom
      },
    },
    onError,
  })
  const commands = createCommands({
    store: createCommandStore(state, sealer),
    work,
    events,
    devices,
    callbacks: { check: async () => {}, enqueue: async (_ctx, callbacks) => void called.push(...callbacks) },
    lastReading: (deviceId, metric) => readings.get(`${deviceId} ${metric}`),
    now,
    keepMs: 86_400_000,
    stopping: new AbortController().signal,
    observe: () => {},
    onError,
    ...options,
  })
  t.after(async () => {
    await commands.stop()
    await work.stop()
  })
  const call = callerOver(
    { ...devices.handlers, ...events.handlers, ...commands.handlers },
    { write: (fn) => state.write(fn), ctx },
  )
  return {
    ...opened,
    commands,
    work,
    called,
    call,
    /** Submits a command; to the device `d` unless told. */
    submit: (input: Partial<Input<'commands.execute'>> = {}) =>
      call('commands.execute', { command: 'x', target: { device_id: 'd' }, ...input }),
    /** What a device is given now. */
    async lease(device_id = 'd', more: Partial<Input<'commands.lease'>> = {}): Promise<ExecutionOrder[]> {
      return (await call('commands.lease', { device_id, max: 100, ...more }))?.executions ?? []
    },
    /** A device ends what it was given. */
    finish: (
      { execution_id, lease_token }: Pick<ExecutionOrder, 'execution_id' | 'lease_token'>,
      more: Partial<Input<'executions.result'>> = {},
    ) => call('executions.result', { execution_id, lease_token, status: 'completed', ...more }),
    /** Lets time pass, and has done what is due then. */
    async pass(ms: number): Promise<void> {
      clock.at += ms
      await work.sweep()
      await commands.sweep()
    },
    /** A device measures, and has done what follows; `at`: its own time. */
    async measure(device_id: string, metrics: Record<string, Reading>, at = clock.at): Promise<void> {
      for (const [metric, reading] of Object.entries(metrics)) readings.set(`${device_id} ${metric}`, { at, reading })
      emitFrame(events, device_id, 0, metrics)
      await commands.sweep()
    },
    /** What memory has of a device although nobody heard the frame, as before a start. */
    remember: (device_id: string, metric: string, reading: Reading, at = clock.at) =>
      void readings.set(`${device_id} ${metric}`, { at, reading }),
    /** How the executions of a command stand, in the order of its targets. */
    async stands(command_id: string): Promise<string[]> {
      const { executions } = await call('commands.executions.list', { command_id, limit: 100 })
      return executions.map(standing)
    },
    /** The first thousand events that were told of commands, or those after one. */
    async toldOfCommands(after?: string): Promise<Event[]> {
      const page = { types: 'command.*', limit: 1000, ...(after !== undefined && { after }) }
      return (await call('events.list', page)).events
    },
  }
}

export type CommandsRoom = Awaited<ReturnType<typeof openCommandsRoom>>

/** As in `failed/outcome_unknown`. */
export function standing({ status, sub_status }: Pick<Execution, 'status' | 'sub_status'>): string {
  return sub_status === null ? status : `${status}/${sub_status}`
}

/** A key with these scopes. */
export function keyWith(scopes: Principal['scopes'], more: Partial<Principal> = {}): Principal {
  return { ...admin, keyId: `key-${scopes.join('-')}`, scopes, ...more }
}
