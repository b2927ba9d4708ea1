import { deepEqual, equal, rejects } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { WriteCtx } from '../core/context.ts'
import { enginesUnderTest } from '../storage/state/testing/engines-under-test.ts'
import { until } from '../testing/until.ts'
import { openOutbox } from './testing/outbox-room.ts'
import { startReceiver } from './testing/receiver.ts'

type Outbox = Awaited<ReturnType<typeof openOutbox>>

for (const under of await enginesUnderTest()) {
  const guarantee = (title: string, body: (outbox: Outbox, t: TestContext) => Promise<void>) =>
    test(`${under.name}: ${title}`, { skip: under.skip ?? false }, async (t) => body(await openOutbox(t, under), t))

  guarantee('a message that was put down is sent by itself, as Standard Webhooks has it', async (outbox, t) => {
    const receiver = await startReceiver(t)
    outbox.outbox.start()
    await outbox.outbox.check(receiver.url, 'callback_url')
    const id = await outbox.enqueue({ url: receiver.url, payload: { command_id: 'cmd-1' }, at: 1_762_134_000_000 })
    equal((await outbox.ends(id)).status, 'delivered')
    equal(
      receiver.received[0]?.body,
      '{"type":"command.completed","timestamp":"2025-11-03T01:40:00.000Z","data":{"command_id":"cmd-1"}}',
    )
  })

  guarantee('a message that is too large is told as failed, and can not be sent again', async (outbox) => {
    const id = await outbox.enqueue({ payload: 'x'.repeat(256 * 1024) })
    const kept = await outbox.store.find(id)
    deepEqual([kept?.status, kept?.error, kept?.attempts], ['failed', 'payload_too_large', 0])
    const verb = outbox.outbox.handlers['webhooks.deliveries.redeliver'] as (
      ctx: WriteCtx,
      input: { delivery_id: string },
    ) => Promise<unknown>
    const again = outbox.store.write((tx) =>
      verb({ tx, principal: { keyId: 'key-a', scopes: [] } } as unknown as WriteCtx, { delivery_id: id }),
    )
    await rejects(again, { code: 'CONFLICT', details: { reason: 'payload_too_large', delivery_id: id } })
  })

  guarantee('beyond what may wait for a key its messages fail at once, those of others do not', async (outbox) => {
    const room = outbox.roomOver(outbox.store, { waitingMax: 2 })
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push(await outbox.enqueue({ eventId: `evt-${i}` }, room))
    ids.push(await outbox.enqueue({ keyId: 'key-b' }, room))
    const errors = await Promise.all(ids.map(async (id) => (await outbox.store.find(id))?.error))
    deepEqual(errors, [null, null, 'too_many_waiting', null])
  })

  guarantee(
    'of messages that are put down together each is judged by itself, and each key by its own',
    async (outbox) => {
      const room = outbox.roomOver(outbox.store, { waitingMax: 2 })
      await outbox.enqueue({ eventId: 'before' }, room)
      const large = { payload: 'x'.repeat(256 * 1024) }
      const ids = await outbox.enqueueAll([large, { eventId: 'b' }, { keyId: 'key-b' }, { eventId: 'c' }], room)
      const found = await Promise.all(ids.map((id) => outbox.store.find(id)))
      deepEqual(
        found.map((one) => [one?.key_id, one?.error]),
        [
          ['key-a', 'payload_too_large'],
          ['key-a', null],
          ['key-b', null],
          ['key-a', 'too_many_waiting'],
        ],
      )
    },
  )

  guarantee('what has ended is removed while the room runs', async (outbox, t) => {
    const id = await outbox.enqueue({ payload: 'x'.repeat(256 * 1024) })
    outbox.clock.at += 86_400_001
    t.mock.timers.enable({ apis: ['setTimeout'] })
    outbox.outbox.start()
    t.mock.timers.tick(60_000)
    t.mock.timers.reset()
    await until('it is gone', async () => (await outbox.store.find(id)) === undefined)
    await outbox.outbox.stop()
  })
}
