import {
  type CommandInput,
  type CommandSubmitted,
  type DeviceHello,
  type DeviceReportType,
  deviceReports,
  type Invoke,
  operations,
  websocketLimits,
} from '@nexus/contract'
import type { Principal } from '../../core/context.ts'
import { type Failure, fail, invalid } from '../../core/failure.ts'
import { spendOrRefuse } from '../admit.ts'
import { callCtx } from '../call.ts'
import type { TransportDeps } from '../ports.ts'
import { DeviceLink } from './device-link.ts'
import { type Invoked, noHeaders } from './invoke-operation.ts'
import type { Outbox } from './outbox.ts'

/** It keeps what the device has in hand, too. */
const helloRate = { rate: operations['commands.lease'].rate } as const

/** A message under way. */
export interface Call {
  id: string | undefined
  requestId: string
}

/** The connection. */
export interface WorkOwner {
  readonly deps: TransportDeps
  readonly outbox: Outbox
  readonly isOpen: boolean
  /** Aborted when it ends. */
  readonly signal: AbortSignal
  identify(): Promise<Principal>
  perform(call: Call, invoke: Invoke): Promise<Invoked>
  performInTurn(call: Call, invoke: Invoke): Promise<Invoked>
}

/** What a connection says of commands: those that it submits, and those that its device is given. */
export class WorkMessages {
  readonly #owner: WorkOwner
  #device: DeviceLink | undefined
  /** Commands whose end it waits for. */
  #awaited = 0

  constructor(owner: WorkOwner) {
    this.#owner = owner
  }

  /** Says at once that the command is accepted, and how it ended when it has. */
  async command(call: Call, input: CommandInput): Promise<void> {
    const { outbox, deps, signal } = this.#owner
    for (const field of ['async', 'wait_seconds'] as const)
      if (input[field] !== undefined && input[field] !== true) throw answeredAtOnce(field)
    if (this.#awaited >= websocketLimits.commands) throw tooManyCommands()
    this.#awaited++
    try {
      const invoke: Invoke = { operation: 'commands.execute', input }
      const accepted = (await this.#owner.perform(call, invoke)).output as CommandSubmitted
      outbox.answer(call.id, { type: 'command.accepted', payload: accepted })
      const ended = await deps.commands.end(accepted.command_id, signal)
      if (!ended) return
      const { command_id, status, sub_status, result, error, summary } = ended
      outbox.notify({ type: 'command.result', payload: { command_id, status, sub_status, result, error, summary } })
    } finally {
      this.#awaited--
    }
  }

  async hello(call: Call, hello: DeviceHello): Promise<void> {
    const { outbox, deps, signal } = this.#owner
    const principal = await this.#owner.identify()
    spendOrRefuse(deps.gate.spend(principal, helloRate), noHeaders, deps.now())
    if (!this.#owner.isOpen) return
    const ctx = callCtx(principal, call.requestId, undefined, { now: deps.now, signal })
    this.#device ??= new DeviceLink(deps, outbox)
    const payload = { device_id: hello.device_id }
    this.#device.open(ctx, hello, () => outbox.answer(call.id, { type: 'device.welcome', payload }))
  }

  /**
   * What a device says of an execution: an operation under a name of its own. However many come at once, none is refused
   * for that, for a device may end all that it has in one moment.
   */
  async report(call: Call, type: DeviceReportType, input: Record<string, unknown>): Promise<void> {
    const { output } = await this.#owner.performInTurn(call, { operation: deviceReports[type], input })
    this.#owner.outbox.answer(call.id, { type: 'command.confirmed', payload: output })
  }

  end(): void {
    this.#device?.close()
  }
}

function answeredAtOnce(field: string): Failure {
  const issue =
    'has no meaning in this message, which is answered at once and again when the command has ended: leave it out, or invoke commands.execute'
  return invalid(field, issue)
}

function tooManyCommands(): Failure {
  const limit = websocketLimits.commands
  const issue = `${limit} commands of this connection have not ended: wait for one of them, or use POST /v1/commands/execute`
  return fail('RATE_LIMIT_EXCEEDED', { reason: 'too_many_commands', limit, issue }, { retryAfterSeconds: 1 })
}
