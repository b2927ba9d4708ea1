import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { adminHeaders, nexusEnv, nexusVersion, root } from '../../harness/nexus-source.ts'
import { onServerCore } from '../../harness/pinning.ts'
import { freePort, startUntilOk } from '../../harness/server-process.ts'
import { Answers } from './answers.ts'
import { type Messages, openMessages } from './messages.ts'
import type { Connected, Submitter, TripSystem } from './trip.ts'

interface Message {
  type: string
  id?: string
  payload: Record<string, unknown>
}

/** The command is durable before its device has it, and the result before the submitter has it. */
export const nexus: TripSystem = {
  name: 'nexus',
  description:
    'commands over WebSocket; command and result are synced to the disk before anybody hears of them, recorded, audited by events and encrypted',
  version: nexusVersion,
  isHere: () => true,
  async start({ dir, pinned }) {
    mkdirSync(dir, { recursive: true })
    const port = await freePort()
    const launch = {
      command: process.execPath,
      args: [join(root, 'packages/server/src/main.ts')],
      env: { ...nexusEnv(join(dir, 'data'), port), NEXUS_CONNECTIONS_PER_KEY: '1000000' },
    }
    const server = await startUntilOk(
      'nexus',
      pinned ? onServerCore(launch) : launch,
      `http://127.0.0.1:${port}/readyz`,
      join(dir, 'nexus.log'),
    )
    const headers = adminHeaders(join(dir, 'data'))
    const open = (onMessage: (message: Message, messages: Messages) => void) =>
      openMessages<Message>(`ws://127.0.0.1:${port}/v1`, headers, onMessage)
    return {
      pid: server.pid,
      stop: server.stop,
      connectDevice: (deviceId) => connectDevice(open, deviceId),
      connectSubmitter: () => connectSubmitter(open),
    }
  },
}

type Open = (onMessage: (message: Message, messages: Messages) => void) => Promise<Messages>

async function connectDevice(open: Open, deviceId: string): Promise<Connected> {
  const welcome = Promise.withResolvers<void>()
  const messages = await open(({ type, payload }, { send }) => {
    if (type === 'command.execute') {
      const { execution_id, lease_token, parameters } = payload
      const { number } = parameters as { number: number }
      const result = { execution_id, lease_token, status: 'completed', result: { number } }
      send({ type: 'command.result', id: execution_id, payload: result })
    } else if (type === 'device.welcome') welcome.resolve()
    else if (type === 'error') throw new Error(`Nexus refused a device: ${JSON.stringify(payload)}`)
  })
  messages.send({ type: 'device.hello', id: 'hello', payload: { device_id: deviceId } })
  await welcome.promise
  return messages
}

async function connectSubmitter(open: Open): Promise<Submitter> {
  const answers = new Answers()
  /** The number that each command carries, once it is accepted. */
  const numbers = new Map<unknown, number>()
  const messages = await open(({ type, id, payload }) => {
    if (type === 'command.accepted') numbers.set(payload.command_id, Number(id))
    else if (type === 'command.result') {
      const number = numbers.get(payload.command_id)!
      numbers.delete(payload.command_id)
      answers.settle(number, (payload.result as { number: number }).number)
    } else if (type === 'error') throw new Error(`Nexus refused a command: ${JSON.stringify(payload)}`)
  })
  return {
    close: messages.close,
    call(deviceId, number) {
      const command = { command: 'echo', target: { device_id: deviceId }, parameters: { number } }
      messages.send({ type: 'command', id: String(number), payload: command })
      return answers.of(number)
    },
  }
}
