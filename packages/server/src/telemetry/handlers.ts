import type { OperationId } from '@nexus/contract'
import { type CheckingVerb, type PreparedVerb, prepared, type Verb } from '../core/invoke.ts'
import { type CatalogueDeps, listMetrics, listTags } from './catalogue.ts'
import { checkBatch, checkFrame } from './check-input.ts'
import { type DeleteDeps, deleteTelemetry } from './delete.ts'
import { type LatestDeps, latestTelemetry } from './latest.ts'
import { type QueryDeps, queryTelemetry } from './query.ts'
import { getRetention, putRetention, type RetentionDeps } from './retention.ts'
import { type SendDeps, sendFrame } from './send.ts'
import { noneAccepted, sendBatch } from './send-batch.ts'

export type TelemetryDeps = SendDeps & QueryDeps & LatestDeps & CatalogueDeps & DeleteDeps & RetentionDeps

type TelemetryId = Extract<OperationId, `telemetry.${string}`>
type FramesId = Extract<TelemetryId, `telemetry.frames.${string}`>
type TelemetryHandlers = { [Id in Exclude<TelemetryId, FramesId | 'telemetry.retention.put'>]: Verb<Id> } & {
  [Id in FramesId]: CheckingVerb<Id>
} & { 'telemetry.retention.put': PreparedVerb<'telemetry.retention.put'> }

export function telemetryHandlers(deps: TelemetryDeps): TelemetryHandlers {
  return {
    'telemetry.frames.send': {
      check: checkFrame,
      run: (ctx, { ack, ...frame }) => sendFrame(deps, ctx, frame, ack, ctx.idempotent),
    },
    'telemetry.frames.batch': {
      check: checkBatch,
      async run(ctx, input) {
        const receipt = await sendBatch(deps, ctx, input, ctx.idempotent)
        if (receipt.accepted === 0) throw noneAccepted(receipt)
        return receipt
      },
    },
    'telemetry.query': (ctx, input) => queryTelemetry(deps, ctx, input),
    'telemetry.latest': (ctx, input) => latestTelemetry(deps, ctx, input),
    'telemetry.metrics': (ctx, input) => listMetrics(deps, ctx, input),
    'telemetry.tags': (ctx, input) => listTags(deps, ctx, input),
    'telemetry.data.delete': (ctx, input) => deleteTelemetry(deps, ctx, input),
    'telemetry.retention.get': (ctx) => getRetention(deps, ctx),
    'telemetry.retention.put': prepared({
      prepare: () => deps.recall(),
      run: (ctx, input) => putRetention(deps, ctx, input),
    }),
  }
}
