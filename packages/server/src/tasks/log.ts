import { type Input, type RunStanding, taskLimits } from '@nexus/contract'
import { toIso } from '../core/clock.ts'
import type { Tx, WriteCtx } from '../core/context.ts'
import { lineSize } from '../core/log-lines.ts'
import type { TaskDeps } from './deps.ts'
import type { RunRecord } from './record.ts'
import { renewRun } from './report.ts'
import { runStanding } from './run-standing.ts'

type Lines = Input<'runs.logs.add'>['lines']

const bytesMax = taskLimits.logBytesMax
/** So much is made free at once, so that a run which goes on logging does not pay for it with each line. */
const roomBytes = bytesMax / 16
const readAtOnce = 100

/**
 * Keeps what a run logged, the newest mebibyte of it, for why a run failed stands at the end; lines before that are counted.
 * Errors: NOT_FOUND, CONFLICT (`lease_lost`).
 */
export async function logRun(
  deps: TaskDeps,
  ctx: WriteCtx,
  { lines, ...held }: Input<'runs.logs.add'>,
): Promise<RunStanding> {
  const { run, item } = await renewRun(deps, ctx, held)
  const now = ctx.now()
  const added = newest(lines)
  const gone = await makeRoom(deps, ctx.tx, run, run.log.bytes + sizeOf(added) - bytesMax)
  const records = added.map(({ at, level = 'info', message }) => ({
    attempt: run.attempt,
    at: toIso(at === undefined ? now : Date.parse(at)),
    level,
    message,
  }))
  await deps.store.addLog(ctx.tx, run, records)
  const log = {
    lines: run.log.lines + added.length,
    bytes: run.log.bytes - gone.bytes + sizeOf(added),
    dropped: run.log.dropped + gone.lines + lines.length - added.length,
  }
  await deps.store.saveRuns(ctx.tx, [{ ...run, log }])
  return runStanding(run, item)
}

/** Of lines that came together as many of the last as are kept of a run. */
function newest(lines: Lines): Lines {
  let bytes = 0
  const first = lines.findLastIndex((line) => {
    bytes += lineSize(line)
    return bytes > bytesMax
  })
  return lines.slice(first + 1)
}

/** Forgets the oldest lines, of so much at least. */
async function makeRoom(
  { store }: TaskDeps,
  tx: Tx,
  { runId }: RunRecord,
  bytes: number,
): Promise<{ lines: number; bytes: number }> {
  const gone = { lines: 0, bytes: 0 }
  const wanted = bytes > 0 ? Math.max(bytes, roomBytes) : 0
  while (gone.bytes < wanted) {
    const oldest = await store.oldestLines(tx, runId, readAtOnce)
    let last: number | undefined
    for (const line of oldest) {
      if (gone.bytes >= wanted) break
      gone.bytes += lineSize(line)
      gone.lines++
      last = line.seq
    }
    if (last === undefined) break
    await store.forgetLines(tx, runId, last)
  }
  return gone
}

function sizeOf(lines: Lines): number {
  return lines.reduce((sum, line) => sum + lineSize(line), 0)
}
