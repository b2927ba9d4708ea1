import { isDeepStrictEqual } from 'node:util'
import { RunEnd, type RunStanding, taskLimits } from '@nexus/contract'
import type { Tx } from '../core/context.ts'
import { Failure, invalid } from '../core/failure.ts'
import { reasonWord } from '../core/reason-word.ts'
import { validator } from '../core/validate.ts'
import { numbersFault } from '../core/value.ts'
import type { Report } from '../work/index.ts'
import { noSuchRun, type Said, type TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'
import { runLeaseLost, runStanding } from './run-standing.ts'

/** `checkpoint`: what the next attempt has to know, where Nexus's own handler says so; undefined: what was kept before. */
export type End = RunEnd & { checkpoint?: unknown }

const checkForm = validator(RunEnd, 'end of a run')

/** The same of one that nothing has checked yet. */
export function faultOfEnd(end: unknown): Failure | undefined {
  try {
    checkForm(end)
  } catch (fault) {
    if (fault instanceof Failure) return fault.details.field === 'body' ? invalid('end', fault.details.issue!) : fault
    throw fault
  }
  return endFault(end as RunEnd)
}

/** What keeps an end from being taken whatever became of its run: INVALID_REQUEST. */
export function endFault({ result, error }: RunEnd): Failure | undefined {
  if (error !== undefined)
    return result === undefined
      ? undefined
      : invalid('result', 'goes with a run that is done: leave it out, or the error')
  const bad = numbersFault('result', result)
  if (bad) return invalid(bad.field, bad.issue)
  const bytes = Buffer.byteLength(JSON.stringify(result) ?? '')
  const limit = taskLimits.resultBytesMax
  return bytes > limit ? invalid('result', `has ${bytes} bytes as JSON: at most ${limit}`) : undefined
}

/**
 * Takes how attempts ended, in this order: done; or failed, and another one follows, unless that was the last. One that
 * was asked to stop has. Each is answered by itself, and the same again as the first time; one that is refused changes
 * nothing. The failures: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function takeEnds(deps: TaskDeps, tx: Tx, ends: readonly End[]): Promise<(RunStanding | Failure)[]> {
  const answers = new Map<End, RunStanding | Failure>()
  for (const round of roundsOf(ends)) {
    const taken = await takeRound(deps, tx, [...round.values()])
    for (const [i, end] of [...round.values()].entries()) answers.set(end, taken[i]!)
  }
  return ends.map((end) => answers.get(end)!)
}

/** Of each run one: what the first makes of it is what the next is about. */
function roundsOf(ends: readonly End[]): Map<string, End>[] {
  const rounds: Map<string, End>[] = []
  for (const end of ends) {
    const round = rounds.find((one) => !one.has(end.run_id))
    if (round) round.set(end.run_id, end)
    else rounds.push(new Map([[end.run_id, end]]))
  }
  return rounds
}

async function takeRound(deps: TaskDeps, tx: Tx, ends: readonly End[]): Promise<(RunStanding | Failure)[]> {
  const ids = ends.map(({ run_id }) => run_id)
  const before = await runsById(deps, tx, ids)
  const known = ends.filter(({ run_id }) => before.has(run_id))
  for (const end of known)
    deps.told.note(tx, end.run_id, {
      ...saidIn(end),
      ...(end.checkpoint !== undefined && { checkpoint: end.checkpoint }),
    })
  const reported = new Map((await deps.work.report(tx, known.map(reportOf))).map((one) => [one.id, one]))
  // It is written: what else becomes of them in this transaction is told by others.
  for (const { run_id } of known) deps.told.forget(tx, run_id)
  const after = await runsById(deps, tx, ids)
  return ends.map((end) => {
    const run = after.get(end.run_id)
    if (!run) return noSuchRun(end.run_id)
    const item = reported.get(end.run_id)
    if (item && 'state' in item) return runStanding(run, item)
    return isRepeat(run, end) ? runStanding(run, undefined) : runLeaseLost(run)
  })
}

async function runsById({ store }: TaskDeps, tx: Tx, ids: readonly string[]): Promise<Map<string, RunRecord>> {
  return new Map((await store.findRuns(ids, tx)).map((run) => [run.runId, run]))
}

function saidIn({ result = null, error }: RunEnd): Said {
  return error ? { error: { code: error.code, message: keptOf(error.message) } } : { result, error: null }
}

/** As much of a message as is kept, with a mark where that is not all. */
function keptOf(message: string): string {
  const { errorMessageLengthMax: max } = taskLimits
  return message.length <= max ? message : `${message.slice(0, max - 1).toWellFormed()}…`
}

function reportOf({ run_id: id, lease_token: leaseToken, error: said }: RunEnd): Report {
  if (!said) return { id, leaseToken, kind: 'completed' }
  const { code, retryable = true, retry_after_seconds = 0 } = said
  const reason = reasonWord(code)
  return { id, leaseToken, kind: 'failed', error: { reason, retryable, retryAfterMs: retry_after_seconds * 1000 } }
}

function isRepeat(run: RunRecord, end: RunEnd): boolean {
  if (run.leaseToken !== end.lease_token) return false
  const { result, error } = saidIn(end)
  if (!error) return run.status === 'completed' && isDeepStrictEqual(run.result, result)
  return run.status !== 'completed' && run.status !== 'running' && isDeepStrictEqual(run.error, error)
}
