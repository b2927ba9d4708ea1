import type {
  CommandCategory,
  CommandDelivery,
  CommandError,
  CommandInput,
  CommandResult,
  CommandRollout,
  CommandStatus,
  CommandSubStatus,
  CommandTarget,
  CommandVerify,
  LoggedLine,
  Progress,
  RolloutAbort,
} from '@nexus/contract'

export type Counts = Readonly<Record<CommandStatus, number>>

/** A command as it is kept. Instants are milliseconds since the epoch. */
export interface CommandRecord {
  readonly commandId: string
  /** The key that submitted it. */
  readonly keyId: string
  readonly name: string
  readonly category: CommandCategory
  readonly target: CommandTarget
  readonly targetCount: number
  readonly parameters: Record<string, unknown>
  readonly priority: NonNullable<CommandInput['priority']>
  readonly timeoutMs: number
  readonly delivery: Required<CommandDelivery>
  readonly rollout: CommandRollout | null
  readonly verify: CommandVerify | null
  /** What a result must be: as its definition said at submit. */
  readonly resultSchema: object | null
  readonly callbackUrl: string | null
  readonly callbackEvents: CommandInput['callback_events'] | null
  readonly warnings: readonly { reason: string; field: string; issue: string }[]
  readonly retryOf: string | null
  readonly traceId: string
  /** Of `command.submitted`, which led to everything that follows. */
  readonly eventId: string
  readonly submittedAt: number

  /** How many executions stand how. */
  readonly counts: Counts
  status: CommandStatus
  subStatus: CommandSubStatus | null
  statusReason: string | null
  /** How many events told of it, and the id of the last. */
  seq: number
  lastEventId: string
  startedAt: number | null
  completedAt: number | null
  approvedBy: string | null
  cancelRequestedAt: number | null
  rolloutState: RolloutState | null
}

/** What a device is told of a command, which never changes. */
export type CommandOrder = Pick<CommandRecord, 'commandId' | 'name' | 'target' | 'parameters' | 'traceId'>

/** Where a roll-out stands; see `rollout.ts`. */
export interface RolloutState {
  /** How many executions devices may have: the first ones, by their positions. */
  released: number
  /** Not before this instant are more released; null: as soon as there is room. */
  nextAt: number | null
  /** When it has to be looked at; null: when executions end. */
  wakeAt: number | null
  paused: boolean
  aborted: RolloutAbort | null
}

/** A command on one device, as it is kept. The leased work behind it has the same id. */
export interface ExecutionRecord {
  readonly executionId: string
  readonly commandId: string
  readonly deviceId: string
  /** Among the executions of its command, from 0. */
  readonly position: number
  status: CommandStatus
  subStatus: CommandSubStatus | null
  statusReason: string | null
  attempt: number
  /** Under which it was given last. */
  leaseToken: string | null
  progress: Progress | null
  result: CommandResult | null
  error: CommandError | null
  late: boolean
  log: { lines: number; bytes: number; dropped: number }
  sentAt: number | null
  deliveredAt: number | null
  startedAt: number | null
  completedAt: number | null
  /** Until when its success has to show in telemetry. */
  verifyBy: number | null
}

/** An execution as it was read, and what was made of it. */
export interface ExecutionChange {
  before: ExecutionRecord
  after: ExecutionRecord
}

/** What a device said of an execution, or why Nexus ends it, beside that it ended. */
export type Said = Partial<
  Pick<
    ExecutionRecord,
    'result' | 'error' | 'startedAt' | 'verifyBy' | 'status' | 'subStatus' | 'statusReason' | 'completedAt'
  >
>

export interface DefinitionRecord {
  name: string
  category: CommandCategory
  description: string | null
  parametersSchema: object | null
  resultSchema: object | null
  defaults: DefinitionDefaults
  updatedAt: number
}

export interface DefinitionDefaults {
  parameters?: Record<string, unknown>
  timeout_seconds?: number
  ttl_seconds?: number
  max_attempts?: number
  order?: Required<CommandDelivery>['order']
  approval?: 'never' | 'many_targets' | 'always'
}

export type LogRecord = LoggedLine

export function isOver(status: CommandStatus): boolean {
  return status !== 'pending' && status !== 'running'
}

export const noCounts: Counts = { pending: 0, running: 0, completed: 0, failed: 0, timeout: 0, cancelled: 0 }
