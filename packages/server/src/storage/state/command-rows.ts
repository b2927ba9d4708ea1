import type { CommandStatus, CommandSubStatus, LoggedLine } from '@nexus/contract'
import type { Insertable, Selectable, Updateable } from 'kysely'
import type { CommandRecord, DefinitionRecord, ExecutionRecord, LogRecord } from '../../commands/index.ts'
import { sealedValues } from './sealed-values.ts'
import type { Sealer } from './sealer.ts'
import type { CommandDefinitionsTable, CommandsTable, ExecutionLogTable, ExecutionsTable } from './tables.ts'

export type CommandRows = ReturnType<typeof commandRows>

/** Records of commands as rows, and back. What clients and devices said is sealed. */
export function commandRows(sealer: Sealer) {
  const values = sealedValues(sealer)
  const seal = <T>(table: string, column: string, row: string, value: T | null): string | null =>
    value === null ? null : values.seal(table, column, row, value)
  const open = <T>(table: string, column: string, row: string, sealed: string | null): T | null =>
    sealed === null ? null : values.open<T>(table, column, row, sealed)

  const changesOfCommand = (command: CommandRecord) =>
    ({
      status: command.status,
      sub_status: command.subStatus,
      status_reason: command.statusReason,
      seq: command.seq,
      last_event_id: command.lastEventId,
      started_at: command.startedAt,
      completed_at: command.completedAt,
      approved_by: command.approvedBy,
      cancel_requested_at: command.cancelRequestedAt,
      rollout_state_json: jsonOf(command.rolloutState),
      rollout_wake_at: command.rolloutState?.wakeAt ?? null,
    }) satisfies Updateable<CommandsTable>

  const changesOfExecution = (execution: ExecutionRecord) => {
    const sealed = <T>(column: string, value: T | null) => seal('executions', column, execution.executionId, value)
    return {
      status: execution.status,
      sub_status: execution.subStatus,
      status_reason: execution.statusReason,
      attempt: execution.attempt,
      lease_token: execution.leaseToken,
      progress: sealed('progress', execution.progress),
      result: sealed('result', execution.result),
      error: sealed('error', execution.error),
      late: execution.late ? 1 : 0,
      log_lines: execution.log.lines,
      log_bytes: execution.log.bytes,
      log_dropped: execution.log.dropped,
      sent_at: execution.sentAt,
      delivered_at: execution.deliveredAt,
      started_at: execution.startedAt,
      completed_at: execution.completedAt,
      verify_by: execution.verifyBy,
    } satisfies Updateable<ExecutionsTable>
  }

  return {
    changesOfCommand,
    changesOfExecution,

    ofCommand(command: CommandRecord): Insertable<CommandsTable> {
      const { commandId } = command
      return {
        ...changesOfCommand(command),
        ...command.counts,
        command_id: commandId,
        key_id: command.keyId,
        name: command.name,
        category: command.category,
        target_json: JSON.stringify(command.target),
        target_count: command.targetCount,
        parameters: seal('commands', 'parameters', commandId, command.parameters)!,
        priority: command.priority,
        timeout_ms: command.timeoutMs,
        delivery_json: JSON.stringify(command.delivery),
        rollout_json: jsonOf(command.rollout),
        verify_json: jsonOf(command.verify),
        result_schema_json: jsonOf(command.resultSchema),
        callback_url: seal('commands', 'callback_url', commandId, command.callbackUrl),
        callback_events_json: jsonOf(command.callbackEvents ?? null),
        warnings_json: JSON.stringify(command.warnings),
        retry_of: command.retryOf,
        trace_id: command.traceId,
        event_id: command.eventId,
        submitted_at: command.submittedAt,
      }
    },

    toCommand(row: Selectable<CommandsTable>): CommandRecord {
      const { pending, running, completed, failed, timeout, cancelled } = row
      return {
        commandId: row.command_id,
        keyId: row.key_id,
        name: row.name,
        category: row.category as CommandRecord['category'],
        target: JSON.parse(row.target_json),
        targetCount: row.target_count,
        parameters: open<CommandRecord['parameters']>('commands', 'parameters', row.command_id, row.parameters)!,
        priority: row.priority as CommandRecord['priority'],
        timeoutMs: row.timeout_ms,
        delivery: JSON.parse(row.delivery_json),
        rollout: parsed(row.rollout_json),
        verify: parsed(row.verify_json),
        resultSchema: parsed(row.result_schema_json),
        callbackUrl: open('commands', 'callback_url', row.command_id, row.callback_url),
        callbackEvents: parsed(row.callback_events_json),
        warnings: JSON.parse(row.warnings_json),
        retryOf: row.retry_of,
        traceId: row.trace_id,
        eventId: row.event_id,
        submittedAt: row.submitted_at,
        counts: { pending, running, completed, failed, timeout, cancelled },
        status: row.status as CommandStatus,
        subStatus: row.sub_status as CommandSubStatus | null,
        statusReason: row.status_reason,
        seq: row.seq,
        lastEventId: row.last_event_id,
        startedAt: row.started_at,
        completedAt: row.completed_at,
        approvedBy: row.approved_by,
        cancelRequestedAt: row.cancel_requested_at,
        rolloutState: parsed(row.rollout_state_json),
      }
    },

    ofExecution(execution: ExecutionRecord): Insertable<ExecutionsTable> {
      const { executionId: execution_id, commandId: command_id, deviceId: device_id, position } = execution
      return { ...changesOfExecution(execution), execution_id, command_id, device_id, position }
    },

    ofExecutionChange(execution: ExecutionRecord) {
      return { ...changesOfExecution(execution), execution_id: execution.executionId }
    },

    toExecution(row: Selectable<ExecutionsTable>): ExecutionRecord {
      const opened = <T>(column: 'progress' | 'result' | 'error') =>
        open<T>('executions', column, row.execution_id, row[column])
      return {
        executionId: row.execution_id,
        commandId: row.command_id,
        deviceId: row.device_id,
        position: row.position,
        status: row.status as CommandStatus,
        subStatus: row.sub_status as CommandSubStatus | null,
        statusReason: row.status_reason,
        attempt: row.attempt,
        leaseToken: row.lease_token,
        progress: opened('progress'),
        result: opened('result'),
        error: opened('error'),
        late: row.late === 1,
        log: { lines: row.log_lines, bytes: row.log_bytes, dropped: row.log_dropped },
        sentAt: row.sent_at,
        deliveredAt: row.delivered_at,
        startedAt: row.started_at,
        completedAt: row.completed_at,
        verifyBy: row.verify_by,
      }
    },

    ofLine(
      { commandId: command_id, log }: ExecutionRecord,
      { message, ...line }: Omit<LogRecord, 'seq'>,
      i: number,
    ): Insertable<ExecutionLogTable> {
      const position = log.lines + i
      return {
        ...line,
        command_id,
        position,
        message: seal('execution_log', 'message', placeOf(line, position), message)!,
      }
    },

    toLine({ position, command_id: _, ...row }: Selectable<ExecutionLogTable>): LogRecord {
      const message = open<string>('execution_log', 'message', placeOf(row, position), row.message)!
      return { ...row, level: row.level as LoggedLine['level'], message }
    },

    ofDefinition(definition: DefinitionRecord): Insertable<CommandDefinitionsTable> {
      return {
        name: definition.name,
        category: definition.category,
        description: definition.description,
        parameters_schema_json: jsonOf(definition.parametersSchema),
        result_schema_json: jsonOf(definition.resultSchema),
        defaults: seal('command_definitions', 'defaults', definition.name, definition.defaults)!,
        updated_at: definition.updatedAt,
      }
    },

    toDefinition(row: Selectable<CommandDefinitionsTable>): DefinitionRecord {
      return {
        name: row.name,
        category: row.category as DefinitionRecord['category'],
        description: row.description,
        parametersSchema: parsed(row.parameters_schema_json),
        resultSchema: parsed(row.result_schema_json),
        defaults: open<DefinitionRecord['defaults']>('command_definitions', 'defaults', row.name, row.defaults)!,
        updatedAt: row.updated_at,
      }
    },
  }
}

function placeOf({ execution_id }: { execution_id: string }, position: number): string {
  return `${execution_id}|${position}`
}

function jsonOf(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

function parsed<T>(text: string | null): T | null {
  return text === null ? null : JSON.parse(text)
}
