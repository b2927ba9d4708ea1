import type { JobQueue, Mode } from './peers/peer.ts'

export interface JobRates {
  addedPerSecond: number
  donePerSecond: number
}

export interface JobLoad extends Mode {
  windowSeconds: number
  /** How many wait when the clients begin to work. */
  backlog: number
}

const payload = 'x'.repeat(200)
const backlogBatch = 1000

/** How fast jobs are added while nobody works, and then how fast a backlog is done while none is added. */
export async function measureJobs(queue: JobQueue, load: JobLoad): Promise<JobRates> {
  const addedPerSecond = await addFor(queue, load)
  for (let left = load.backlog - (await queue.remaining()); left > 0; left -= backlogBatch)
    await queue.add(Array.from({ length: Math.min(left, backlogBatch) }, () => payload))
  return { addedPerSecond, donePerSecond: await workFor(queue, load) }
}

async function addFor(queue: JobQueue, { clients, batch, windowSeconds }: JobLoad): Promise<number> {
  const payloads = Array.from({ length: batch }, () => payload)
  const begun = performance.now()
  const end = begun + windowSeconds * 1000
  let added = 0
  const client = async () => {
    while (performance.now() < end) {
      await queue.add(payloads)
      added += batch
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const rate = added / secondsSince(begun)
  const found = await queue.remaining()
  if (found !== added) throw new Error(`${added} jobs were acknowledged, and ${found} are there`)
  return rate
}

/** Until the window is over, or everything is done; what counts is what the system itself no longer holds for undone. */
async function workFor(queue: JobQueue, { windowSeconds }: JobLoad): Promise<number> {
  const before = await queue.remaining()
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, windowSeconds * 1000)
  let done = 0
  const begun = performance.now()
  const workers = await queue.work((count) => {
    done += count
    if (done >= before) over.resolve()
  })
  await over.promise
  clearTimeout(timer)
  await workers.stop()
  const seconds = secondsSince(begun)
  return (before - (await queue.remaining())) / seconds
}

function secondsSince(begun: number): number {
  return (performance.now() - begun) / 1000
}
