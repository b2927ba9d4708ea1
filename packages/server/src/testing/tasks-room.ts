import type { TestContext } from 'node:test'
import type { Event, Input, Run, RunOrder, Task } from '@nexus/contract'
import type { Principal } from '../core/context.ts'
import type { Failure } from '../core/failure.ts'
import { createTaskStore, createWorkStore } from '../storage/state/index.ts'
import { createTasks, type HttpOutcome, type HttpRequest, type TasksOptions } from '../tasks/index.ts'
import { createWork } from '../work/index.ts'
import { openDevicesRoom } from './devices-room.ts'
import { placeOf, type RoomPlace } from './events-room.ts'
import { callerOver } from './gate.ts'

export interface TasksRoomOptions extends Partial<TasksOptions>, RoomPlace {}

/** The room of tasks behind the gate, with the engine under it. No loop runs by itself. */
export async function openTasksRoom(t: TestContext, room: TasksRoomOptions = {}) {
  const { place, options } = placeOf(room)
  const opened = await openDevicesRoom(t, place)
  const { clock, events, devices, state, sealer, ctx } = opened
  const now = () => clock.now()
  const errors: unknown[] = []
  const onError = (cause: unknown) => {
    errors.push(cause)
    t.diagnostic(String(cause))
  }
  const requests: HttpRequest[] = []
  const answers: HttpOutcome[] = []
  const principals = new Map<string, Principal>([[ctx.principal.keyId, ctx.principal]])
  /** What telemetry answers to a guard, by its metric. */
  const readings = new Map<string, number>()
  /** With what it refuses the next guards. */
  const refusals: Failure[] = []
  const work = createWork({
    store: createWorkStore(state, now),
    now,
    random: () => 0.5,
    rooms: {
      get task() {
        return tasks.workRoom
      },
    },
    onError,
  })
  const store = createTaskStore(state, sealer)
  const tasks = createTasks({
    store,
    work,
    events,
    http: {
      check: async () => {},
      async send(_keyId, request) {
        requests.push(request)
        return (
          answers.shift() ?? { error: null, statusCode: 200, response: '{"ok":true}', isWhole: true, retryAfterMs: 0 }
        )
      },
    },
    commands: { assertExecutes: async () => {} },
    acting: {
      principal: async (keyId) => principals.get(keyId),
      invoke: async (id, _ctx, input) => {
        if (id !== 'telemetry.query') throw new Error(`${id} is not in this room`)
        const refusal = refusals.shift()
        if (refusal) throw refusal
        const metric = (input as Input<'telemetry.query'>).metrics as string
        const value = readings.get(metric)
        return {
          query: {},
          data: value === undefined ? [] : [{ timestamp: '', [metric]: value }],
          total_points: 1,
        } as never
      },
      commandEnd: async () => undefined,
    },
    mayTake: () => true,
    now,
    keepMs: 30 * 86_400_000,
    observe: () => {},
    onError,
    ...options,
  })
  t.after(async () => {
    await tasks.stop()
    await work.stop()
  })
  const call = callerOver(
    { ...devices.handlers, ...events.handlers, ...tasks.handlers },
    { write: (fn) => state.write(fn), ctx },
  )
  return {
    ...opened,
    store,
    tasks,
    work,
    call,
    errors,
    requests,
    answers,
    principals,
    readings,
    refusals,
    /** Makes a task, and has done what is due of it. */
    async create(input: Partial<Input<'tasks.create'>> = {}): Promise<Task> {
      const task = await call('tasks.create', { name: 'x', type: 'one_time', ...input })
      await tasks.sweep()
      return task
    },
    get: (task_id: string) => call('tasks.get', { task_id }),
    /** Runs it by hand. */
    execute: async (task_id: string, parameters?: Input<'tasks.execute'>['parameters']) =>
      (await call('tasks.execute', { task_id, ...(parameters && { parameters }) })).run_id,
    run: (run_id: string) => call('runs.get', { run_id }),
    /** The runs of a task, the oldest first. */
    async runs(task_id: string): Promise<Run[]> {
      return (await call('tasks.runs.list', { task_id, limit: 100 })).runs.toReversed()
    },
    /** What a worker is given now. */
    async lease(more: Partial<Input<'workers.lease'>> = {}): Promise<RunOrder[]> {
      return (await call('workers.lease', { worker_id: 'w', names: ['x'], max: 100, ...more }))?.runs ?? []
    },
    async complete({ run_id, lease_token }: Pick<RunOrder, 'run_id' | 'lease_token'>, result?: unknown) {
      const standing = await call('runs.complete', { run_id, lease_token, ...(result !== undefined && { result }) })
      await tasks.sweep()
      return standing
    },
    async fail(
      { run_id, lease_token }: Pick<RunOrder, 'run_id' | 'lease_token'>,
      error: Partial<Input<'runs.fail'>['error']> = {},
    ) {
      const standing = await call('runs.fail', {
        run_id,
        lease_token,
        error: { code: 'broken', message: 'It broke', ...error },
      })
      await tasks.sweep()
      return standing
    },
    /** Lets time pass, and has done what is due then. */
    async pass(ms: number): Promise<void> {
      clock.at += ms
      await work.sweep()
      await tasks.sweep()
    },
    /** How the runs of a task stand, the oldest first. */
    async stands(task_id: string): Promise<string[]> {
      return (await this.runs(task_id)).map(runStanding)
    },
    /** What was told of tasks so far. */
    async toldOfTasks(): Promise<Event[]> {
      return (await call('events.list', { types: 'task.*', limit: 1000 })).events
    },
  }
}

export type TasksRoom = Awaited<ReturnType<typeof openTasksRoom>>

/** As in `skipped/overlap`. */
export function runStanding({ status, sub_status, status_reason }: Run): string {
  const more = sub_status ?? status_reason
  return more === null ? status : `${status}/${more}`
}
