import {
  type Input,
  idLengthMax,
  idPattern,
  type Output,
  type RefusedEnd,
  taskLimits,
  workersReport,
} from '@nexus/contract'
import Type from 'typebox'
import type { Ctx, WriteCtx } from '../core/context.ts'
import { Failure } from '../core/failure.ts'
import { isRecord } from '../core/labels.ts'
import { validator } from '../core/validate.ts'
import type { Claim } from '../work/index.ts'
import type { TaskDeps } from './deps.ts'
import { claimOf, isUnheard, noteSeen } from './lease.ts'
import { faultOfEnd, takeEnds } from './take-ends.ts'
import { keepFitting, takeRuns } from './take-runs.ts'

type Reported = Output<'workers.report'>

export interface PreparedReport {
  /** Of each end what keeps it from being taken. */
  faults: readonly (Failure | undefined)[]
  claim: Claim | undefined
}

const checkAllBut = validator(
  Type.Object(
    {
      ...workersReport.input.properties,
      ends: Type.Array(Type.Unknown(), { minItems: 1, maxItems: taskLimits.endsMax }),
    },
    { additionalProperties: false },
  ),
  `input of ${workersReport.id}`,
)

/** All of a report but its ends, of which each is checked and refused by itself. Errors: INVALID_REQUEST. */
export function checkReport(input: unknown): Input<'workers.report'> {
  return checkAllBut(input) as Input<'workers.report'>
}

/** Errors: INVALID_REQUEST (more queues times names than are looked at). */
export async function prepareReport({ worker_id, ends, lease }: Input<'workers.report'>): Promise<PreparedReport> {
  return { faults: ends.map(faultOfEnd), claim: lease && claimOf({ worker_id, ...lease }) }
}

/**
 * Takes how several attempts of a worker ended, each answered by itself, and gives it runs that are ready then; none
 * where the rate limit would refuse a lease.
 */
export async function reportEnds(
  deps: TaskDeps,
  { tx, principal }: Pick<WriteCtx, 'tx' | 'principal'>,
  { worker_id, ends, lease }: Input<'workers.report'>,
  { faults, claim }: PreparedReport,
): Promise<Reported> {
  if (lease && claim) noteSeen(deps, { worker_id, ...lease }, claim)
  else deps.workers.heard(worker_id)
  const sound = ends.filter((_, i) => faults[i] === undefined)
  const taken = (await takeEnds(deps, tx, sound))[Symbol.iterator]()
  const answers = ends.map((_, i) => faults[i] ?? taken.next().value!)
  return {
    ends: answers.map((answer, i) => (answer instanceof Failure ? refused(ends[i], answer) : answer)),
    runs: claim && deps.mayTake(principal) ? await takeRuns(deps, tx, claim) : [],
  }
}

/**
 * Of what it was given as much as one answer may have; nothing where the worker has said by now that it does not hear of it.
 */
export async function answerReport(
  deps: TaskDeps,
  _ctx: Ctx,
  { worker_id, lease }: Input<'workers.report'>,
  reported: Reported,
): Promise<Reported> {
  if (!lease || reported.runs.length === 0) return reported
  if (await isUnheard(deps, { worker_id, ...lease })) return { ...reported, runs: [] }
  const runs = await keepFitting(deps, reported.runs)
  return runs.length === reported.runs.length ? reported : { ...reported, runs }
}

const idShape = new RegExp(idPattern)

function isId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= idLengthMax && idShape.test(value)
}

function refused(end: unknown, { code, message, details }: Failure): RefusedEnd {
  const run_id = isRecord(end) && isId(end.run_id) ? end.run_id : null
  return { run_id, error: { code, message, details } }
}
