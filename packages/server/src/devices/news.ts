import type { Events, PublishCtx } from '../events/index.ts'
import type { Heard, Outcome } from './settle.ts'
import { shownDevice } from './shown-device.ts'

/**
 * Tells what became of a device. Events say what the device is, without its metadata, which may be large; one that went
 * offline, why. Of two, the second was caused by the first.
 */
export async function publishNews(
  events: Pick<Events, 'publish'>,
  ctx: PublishCtx,
  { after, news }: Pick<Outcome, 'after' | 'news'>,
  reason?: Heard['reason'],
): Promise<void> {
  const { own_tags: _, metadata: __, ...data } = shownDevice(after)
  let causeId: string | null = null
  const of = { subject: after.deviceId }
  for (const type of news) {
    const told =
      type === 'device.offline' ? { type, ...of, data: { ...data, reason: reason! } } : ({ type, ...of, data } as const)
    causeId = await events.publish(ctx, { ...told, causeId })
  }
}
