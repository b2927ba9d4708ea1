import type { Migrations } from '../migrate.ts'
import { keys } from './0001-keys.ts'
import { idempotency } from './0002-idempotency.ts'
import { retention } from './0003-retention.ts'
import { events } from './0004-events.ts'
import { devices } from './0005-devices.ts'
import { tickets } from './0006-tickets.ts'
import { work } from './0007-work.ts'
import { commands } from './0008-commands.ts'
import { webhooks } from './0009-webhooks.ts'
import { rollouts } from './0010-rollouts.ts'
import { tasks } from './0011-tasks.ts'
import { webhookLanes } from './0012-webhook-lanes.ts'
import { taskFanOuts } from './0013-task-fan-outs.ts'
import { heldRuns } from './0014-held-runs.ts'
import { ownRuns } from './0015-own-runs.ts'
import { liveRuns } from './0016-live-runs.ts'
import { tasksDeleted } from './0017-tasks-deleted.ts'
import { failedCommands } from './0018-failed-commands.ts'

export const migrations: Migrations = {
  '0001-keys': keys,
  '0002-idempotency': idempotency,
  '0003-retention': retention,
  '0004-events': events,
  '0005-devices': devices,
  '0006-tickets': tickets,
  '0007-work': work,
  '0008-commands': commands,
  '0009-webhooks': webhooks,
  '0010-rollouts': rollouts,
  '0011-tasks': tasks,
  '0012-webhook-lanes': webhookLanes,
  '0013-task-fan-outs': taskFanOuts,
  '0014-held-runs': heldRuns,
  '0015-own-runs': ownRuns,
  '0016-live-runs': liveRuns,
  '0017-tasks-deleted': tasksDeleted,
  '0018-failed-commands': failedCommands,
}
