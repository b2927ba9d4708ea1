export type { SubscribeInput, SubscribeOptions } from './channel-stream.ts'
export * from './client.ts'
export type {
  CommandHandler,
  DeviceCommand,
  DeviceJournal,
  DeviceOptions,
  HandlerOptions,
  JournalEntry,
} from './device/command.ts'
export type { Device } from './device/device.ts'
export * from './device/device-error.ts'
export type { StreamedEvent, StreamInput, StreamOptions } from './event-stream.ts'
export * from './namespaces.ts'
export * from './nexus-error.ts'
export type { RetryPolicy } from './retry.ts'
export type { LogLevel } from './said.ts'
export type { StopOptions } from './stop-options.ts'
export type { ChannelMessage } from './subscriber.ts'
export type { RunHandler, WorkerOptions, WorkerRun } from './worker/run.ts'
export * from './worker/run-failure.ts'
export type { Worker } from './worker/worker.ts'
