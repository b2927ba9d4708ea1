import type { CommandCategory, EventType } from '@nexus/contract'
import { categoryScope, commandCategories } from '@nexus/contract'
import { type Ctx, holds, type Principal } from '../core/context.ts'
import { fail } from '../core/failure.ts'
import type { Told } from '../core/told.ts'
import type { Devices } from '../devices/index.ts'
import type { Events } from '../events/index.ts'
import type { Work } from '../work/index.ts'
import type { Ends } from './ends.ts'
import type { Callbacks, CommandStore } from './ports.ts'
import type { ProgressNews } from './progress-news.ts'
import type { Receivers } from './receivers.ts'
import type { CommandRecord, Said } from './record.ts'
import type { Rollouts } from './rollouts.ts'
import type { Verifications } from './verifications.ts'

export interface CommandDeps {
  store: CommandStore
  work: Work
  events: Pick<Events, 'publishAll'>
  devices: Pick<Devices, 'standing' | 'select' | 'poll'>
  callbacks: Callbacks
  ends: Ends
  receivers: Receivers
  told: Told<Said>
  progress: ProgressNews
  rollouts: Rollouts
  verifications: Verifications
  now(): number
  stopping: AbortSignal
  observe: CommandObserver
}

/** Told of each durable event of a command, and how long after its submission it came; takes no time, and never throws. */
export type CommandObserver = (type: CommandEventType, category: CommandCategory, afterMs: number) => void

export type CommandEventType = Extract<EventType, `command.${string}`>

/** Errors: FORBIDDEN, naming the part of the scope that the key lacks. */
export function authoriseCategory({ scopes }: Principal, category: CommandCategory, field = 'category'): void {
  if (permittedCategories(scopes).includes(category)) return
  const scope = categoryScope(category)
  throw fail('FORBIDDEN', { field, required_scope: scope, issue: `needs the scope ${scope}` })
}

/** The categories that a key may see and execute. */
export function permittedCategories(scopes: Principal['scopes']): readonly CommandCategory[] {
  if (scopes.includes('admin') || scopes.includes('command:execute')) return commandCategories
  return commandCategories.filter((category) => scopes.includes(categoryScope(category)))
}

/** A command that the caller may see. Errors: NOT_FOUND. */
export async function foundCommand(
  { store }: Pick<CommandDeps, 'store'>,
  ctx: Pick<Ctx, 'principal'> & { tx?: Parameters<CommandStore['find']>[1] },
  commandId: string,
): Promise<CommandRecord> {
  const [command] = await store.find([commandId], ctx.tx)
  if (!command || !permittedCategories(ctx.principal.scopes).includes(command.category)) throw noSuchCommand(commandId)
  return command
}

/** The same to change it. Errors: NOT_FOUND, FORBIDDEN (the key is bound to a device that it is not for alone). */
export async function changeableCommand(
  deps: Pick<CommandDeps, 'store'>,
  ctx: Parameters<typeof foundCommand>[1],
  commandId: string,
): Promise<CommandRecord> {
  const command = await foundCommand(deps, ctx, commandId)
  const { deviceId } = ctx.principal
  const { device_id, device_ids = device_id === undefined ? [] : [device_id] } = command.target
  if (deviceId === null || (device_ids.length > 0 && device_ids.every((id) => id === deviceId))) return command
  throw fail('FORBIDDEN', { field: 'command_id', issue: `the key is bound to the device ${deviceId}` })
}

function noSuchCommand(commandId: string) {
  return fail('NOT_FOUND', { reason: 'no_such_command', command_id: commandId })
}

/** Whether a caller may speak for a device: a key that is bound to it, or an admin's. */
export function speaksFor(principal: Principal, deviceId: string): boolean {
  return principal.deviceId === deviceId || (principal.deviceId === null && holds(principal, 'admin'))
}

export function commandEnded(command: CommandRecord) {
  const issue = `the command has ended: it is ${command.status}`
  return fail('CONFLICT', { reason: 'command_ended', status: command.status, issue })
}
