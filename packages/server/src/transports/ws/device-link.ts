import type { DeviceHello } from '@nexus/contract'
import type { Sink } from '../../commands/index.ts'
import type { Ctx } from '../../core/context.ts'
import { fail } from '../../core/failure.ts'
import type { TransportDeps } from '../ports.ts'
import type { Outbox } from './outbox.ts'

const maxDefault = 16

/** The device that receives its commands over a connection. */
export class DeviceLink {
  readonly #deps: Pick<TransportDeps, 'commands' | 'devices'>
  readonly #outbox: Outbox
  /** For which device it is; that stays. */
  #deviceId: string | undefined
  #close: (() => void) | undefined

  constructor(deps: Pick<TransportDeps, 'commands' | 'devices'>, outbox: Outbox) {
    this.#deps = deps
    this.#outbox = outbox
  }

  /**
   * The device receives from now on, in place of what an earlier `device.hello` of this or another connection opened. `welcome`
   * is called before anything is sent to it. Errors, which change nothing: FORBIDDEN (the key is not the device's), CONFLICT
   * (`another_device`: the connection is another device's).
   */
  open(ctx: Ctx, { device_id, capabilities, have = [] }: DeviceHello, welcome: () => void): void {
    this.#deps.commands.assertReceives(ctx, device_id)
    if (this.#deviceId !== undefined && this.#deviceId !== device_id) throw anotherDevice(this.#deviceId)
    this.#deviceId = device_id
    const sink: Sink = {
      execute: (order) => this.#outbox.notify({ type: 'command.execute', payload: order }),
      room: () => (this.#outbox.isFull ? this.#outbox.drained() : undefined),
      cancel: (of) => this.#outbox.notify({ type: 'command.cancel', payload: of }),
      replaced: () => this.#outbox.notify({ type: 'device.replaced', payload: { device_id } }),
    }
    const { max_concurrency: max = maxDefault, acks_first: acksFirst } = capabilities ?? {}
    this.close()
    const close = this.#deps.commands.receive(ctx, device_id, sink, { max, have, acksFirst })
    const detach = this.#deps.devices.attach(device_id, ctx.givenTraceId)
    this.#close = () => {
      close()
      detach()
    }
    welcome()
  }

  close(): void {
    this.#close?.()
    this.#close = undefined
  }
}

function anotherDevice(deviceId: string) {
  const issue = `this connection is that of the device ${deviceId}: open another one`
  return fail('CONFLICT', { reason: 'another_device', field: 'device_id', issue })
}
