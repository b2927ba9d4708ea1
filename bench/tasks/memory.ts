import { memoryOf } from '../harness/process-memory.ts'
import { inParallel, startNexus } from './peers/nexus.ts'

export interface ScheduleMemory {
  schedules: number
  /** More than before there were any, after a restart. */
  bytesEach: number
}

/** What a server that was started anew holds for each schedule that is not due. */
export async function measureMemory(dir: string, schedules: number): Promise<ScheduleMemory> {
  const empty = await startNexus(dir)
  await settled()
  const before = memoryOf(empty.server.pid).anonymousBytes
  await inParallel(Array.from({ length: schedules }), async () => {
    await empty.client.tasks.create({ name: 'idle', type: 'scheduled', schedule: { cron: '0 0 1 1 *' } })
  })
  await empty.server.stop()
  const full = await startNexus(dir)
  await settled()
  const after = memoryOf(full.server.pid).anonymousBytes
  await full.server.stop()
  return { schedules, bytesEach: (after - before) / schedules }
}

const settleMs = 5000

function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, settleMs))
}
