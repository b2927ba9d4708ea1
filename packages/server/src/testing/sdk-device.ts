import type { TestContext } from 'node:test'
import type { Command, CommandInput } from '@nexus/contract'
import { createClient, type DeviceCommand, type DeviceJournal, type DeviceOptions, type JournalEntry } from '@nexus/sdk'
import type { TestNexus } from './nexus.ts'
import { until } from './until.ts'

export const retry = { initialDelayMs: 1, maxDelayMs: 20 }

export interface Settings extends DeviceOptions {
  /** Instead of the server's. */
  url?: string
  key?: string
}

export async function keyOf(nexus: TestNexus): Promise<string> {
  return (await nexus.as({ scopes: ['telemetry:write'], device_id: 'd' })).key
}

/** A device of the SDK with a key of its own; it stops with the test. */
export async function deviceOf(t: TestContext, nexus: TestNexus, { url = nexus.url, key, ...options }: Settings = {}) {
  const client = createClient({ url, apiKey: key ?? (await keyOf(nexus)), retry })
  const errors: Error[] = []
  const device = client.device('d', { onError: (error) => errors.push(error), ...options })
  t.after(() => device.stop({ graceMs: 0, lastWordsMs: 200 }))
  return { device, errors }
}

export const submit = (nexus: TestNexus, command: string, more: Partial<CommandInput> = {}) =>
  nexus.client.commands.execute({ command, target: { device_id: 'd' }, ...more })

export const ended = (nexus: TestNexus, command_id: string): Promise<Command> =>
  until('the command has ended', async () => {
    const command = await nexus.client.commands.get({ command_id })
    return command.completed_at !== null && command
  })

/** It takes connections, and says nothing until they are cut. */
export const fieldsOf = (result: unknown) => result as Record<string, unknown>

/** A handler that the test holds in the middle. */
export function held() {
  const begun: DeviceCommand[] = []
  const go = Promise.withResolvers<void>()
  const handler = async (command: DeviceCommand) => {
    begun.push(command)
    await go.promise
    return { run: begun.length }
  }
  return { begun, handler, go: go.resolve, hasBegun: () => until('it has begun', async () => begun[0]) }
}

/** Kept in memory, as a file would over a restart. */
export function journalOf() {
  const entries: JournalEntry[] = []
  const journal: DeviceJournal = { load: () => structuredClone(entries), save: (entry) => void entries.push(entry) }
  return { entries, journal, states: () => entries.map(({ state }) => state) }
}
