import Type, { type Static, type TSchema } from 'typebox'
import { commandCategories } from './command-policy.ts'
import { CommandSummary, CommandTarget, RolloutAbort } from './commands.ts'
import { Device, offlineReasons } from './devices.ts'
import type { EventType } from './events.ts'
import { CommandError, CommandResult, commandStatuses, Progress } from './executions.ts'
import { RunError, RunProgress, runCauses, runStatuses } from './runs.ts'
import { Id, Timestamp } from './shapes.ts'
import { Task } from './tasks.ts'
import { Frame } from './telemetry.ts'

/** A frame as it was sent, with the time that it was given. */
export const FrameEventData = Type.Object({
  ...Frame.properties,
  timestamp: Timestamp,
})

/** A device as it is after the event; what was set of it is left to `GET /v1/devices/{device_id}`. */
export const DeviceEventData = Type.Omit(Device, ['own_tags', 'metadata'])

export const DeviceOfflineData = Type.Object({
  ...DeviceEventData.properties,
  reason: Type.Enum(offlineReasons),
})

/** A command as it is after the event. */
export const CommandEventData = Type.Object({
  command_id: Id,
  status: Type.Enum(commandStatuses),
  command: Type.String(),
  category: Type.Enum(commandCategories),
  target: CommandTarget,
  target_count: Type.Integer(),
  device_id: Type.Optional({ ...Id, description: 'Where there is one target' }),
  seq: Type.Integer({ description: "Counts the command's own events, from 1" }),
  status_reason: Type.Optional(Type.String()),
  result: Type.Optional(CommandResult),
  error: Type.Optional(CommandError),
  late: Type.Optional(Type.Literal(true)),
  summary: Type.Optional(CommandSummary),
  abort: Type.Optional(RolloutAbort),
})

/** How far one device is; `status` is that of its execution. */
export const CommandProgressData = Type.Object({
  ...Type.Omit(CommandEventData, ['target']).properties,
  execution_id: Id,
  device_id: Id,
  progress: Type.Optional(Progress),
})

/** A task as it is after the event; what it is in full is left to `GET /v1/tasks/{task_id}`. */
export const TaskEventData = Type.Object({
  ...Type.Pick(Task, ['task_id', 'name', 'type', 'status', 'status_reason', 'version', 'next_run', 'tags']).properties,
})

/** A run as it is after the event. */
export const RunEventData = Type.Object({
  task_id: Id,
  run_id: Id,
  name: Type.String(),
  status: Type.Enum(runStatuses),
  status_reason: Type.Optional(Type.String()),
  cause: Type.Enum(runCauses),
  scheduled_for: Type.Optional(Timestamp),
  attempt: Type.Integer(),
  seq: Type.Integer({ description: "Counts the run's own events, from 1" }),
  progress: Type.Optional(RunProgress),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(RunError),
})

/** What an event says, by type. */
export const eventData = {
  'telemetry.frame': FrameEventData,
  'device.registered': DeviceEventData,
  'device.online': DeviceEventData,
  'device.offline': DeviceOfflineData,
  'command.submitted': CommandEventData,
  'command.started': CommandEventData,
  'command.progress': CommandProgressData,
  'command.completed': CommandEventData,
  'command.failed': CommandEventData,
  'command.timeout': CommandEventData,
  'command.cancelled': CommandEventData,
  'task.created': TaskEventData,
  'task.updated': TaskEventData,
  'task.deleted': TaskEventData,
  'task.paused': TaskEventData,
  'task.resumed': TaskEventData,
  'task.queued': RunEventData,
  'task.started': RunEventData,
  'task.progress': RunEventData,
  'task.completed': RunEventData,
  'task.failed': RunEventData,
  'task.cancelled': RunEventData,
  'task.timeout': RunEventData,
  'task.skipped': RunEventData,
  'task.missed': RunEventData,
  'task.stalled': RunEventData,
} as const satisfies Partial<Record<EventType, TSchema>>

/** The same as a type; an object of whatever is in it where the contract does not know. */
export type EventData<T extends EventType> = T extends keyof typeof eventData
  ? Static<(typeof eventData)[T]>
  : Record<string, unknown>
