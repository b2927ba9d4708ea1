import { type Handlers, prepared } from '../core/invoke.ts'
import { ackExecution } from './ack.ts'
import { approveCommand, rejectCommand } from './approve.ts'
import { cancelCommand } from './cancel.ts'
import { deleteDefinition, getDefinition, listDefinitions, putDefinition } from './definitions.ts'
import type { CommandDeps } from './deps.ts'
import { getCommand } from './get.ts'
import { leaseExecutions } from './lease.ts'
import { listCommands } from './list.ts'
import { listExecutions } from './list-executions.ts'
import { listLog } from './list-log.ts'
import { logExecution } from './log.ts'
import { prepareSubmit } from './prepare-submit.ts'
import { reportProgress } from './progress.ts'
import { prepareResult, reportResult } from './result.ts'
import { prepareRetry, retryCommand } from './retry.ts'
import { pauseRollout, resumeRollout } from './rollout-control.ts'
import { submitCommand } from './submit.ts'
import { answerSubmit } from './wait.ts'

export type CommandHandlers = Pick<Handlers, Extract<keyof Handlers, `commands.${string}` | `executions.${string}`>>

export function commandHandlers(deps: CommandDeps): CommandHandlers {
  return {
    'commands.execute': prepared({
      prepare: (ctx, input) => prepareSubmit(deps, ctx, input),
      run: (ctx, input, plan) => submitCommand(deps, ctx, input, plan),
      answer: (ctx, input, receipt) => answerSubmit(deps, ctx, input, receipt),
    }),
    'commands.list': (ctx, input) => listCommands(deps, ctx, input),
    'commands.get': (ctx, input) => getCommand(deps, ctx, input),
    'commands.executions.list': (ctx, input) => listExecutions(deps, ctx, input),
    'commands.logs.list': (ctx, input) => listLog(deps, ctx, input),
    'commands.cancel': (ctx, input) => cancelCommand(deps, ctx, input),
    'commands.retry': prepared({
      prepare: (ctx, input) => prepareRetry(deps, ctx, input),
      run: (ctx, input, plan) => retryCommand(deps, ctx, input, plan),
    }),
    'commands.approve': (ctx, input) => approveCommand(deps, ctx, input),
    'commands.reject': (ctx, input) => rejectCommand(deps, ctx, input),
    'commands.pause': (ctx, input) => pauseRollout(deps, ctx, input),
    'commands.resume': (ctx, input) => resumeRollout(deps, ctx, input),
    'commands.definitions.list': (ctx, input) => listDefinitions(deps, ctx, input),
    'commands.definitions.get': (ctx, input) => getDefinition(deps, ctx, input),
    'commands.definitions.put': (ctx, input) => putDefinition(deps, ctx, input),
    'commands.definitions.delete': (ctx, input) => deleteDefinition(deps, ctx, input),
    'commands.lease': (ctx, input) => leaseExecutions(deps, ctx, input),
    'executions.ack': (ctx, input) => ackExecution(deps, ctx, input),
    'executions.progress': (ctx, input) => reportProgress(deps, ctx, input),
    'executions.logs': (ctx, input) => logExecution(deps, ctx, input),
    'executions.result': prepared({
      prepare: (ctx, input) => prepareResult(deps, ctx, input),
      run: (ctx, input) => reportResult(deps, ctx, input),
    }),
  }
}
