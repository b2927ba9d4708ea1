import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt'
import { isListening } from '../../harness/listening.ts'
import { packageVersion } from '../../harness/package-version.ts'
import { onServerCore } from '../../harness/pinning.ts'
import { freePort, startUntil } from '../../harness/server-process.ts'
import { Answers } from './answers.ts'
import type { Connected, Submitter, TripSystem } from './trip.ts'

const command = 'mosquitto'

/** Request and response of MQTT 5: a command names the topic that its answer is wanted on, and carries what tells it apart. */
export const mosquitto: TripSystem = {
  name: 'mosquitto',
  description: 'request and response of MQTT 5 with QoS 1 both ways; nothing is durable (`persistence false`)',
  version: () => `${versionText()}, ${packageVersion('mqtt')}`,
  isHere: () => versionText() !== undefined,
  async start({ dir, pinned }) {
    mkdirSync(dir, { recursive: true })
    const port = await freePort()
    const file = join(dir, 'mosquitto.conf')
    writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n`)
    const launch = { command, args: ['-c', file] }
    const isReady = () => isListening(port)
    const server = await startUntil(
      'mosquitto',
      pinned ? onServerCore(launch) : launch,
      isReady,
      join(dir, 'mosquitto.log'),
    )
    const connect = async (clientId: string) => {
      const client = await connectAsync({ ...options, port, clientId })
      ;(client.stream as unknown as Socket).setNoDelay(true)
      return client
    }
    return {
      pid: server.pid,
      stop: server.stop,
      connectDevice: (deviceId) => connectDevice(connect, deviceId),
      connectSubmitter: (name) => connectSubmitter(connect, name),
    }
  },
}

const options: IClientOptions = { protocolVersion: 5, host: '127.0.0.1', reconnectPeriod: 0 }

type Connect = (clientId: string) => Promise<MqttClient>

async function connectDevice(connect: Connect, deviceId: string): Promise<Connected> {
  const client = await connect(deviceId)
  client.on('message', (_, payload, { properties = {} }) => {
    const { responseTopic, correlationData } = properties
    const answer = { properties: correlationData ? { correlationData } : {}, qos: 1 as const }
    client.publish(responseTopic!, payload, answer)
  })
  await client.subscribeAsync(topicOf(deviceId), { qos: 1 })
  return { close: () => client.end(true) }
}

async function connectSubmitter(connect: Connect, name: string): Promise<Submitter> {
  const client = await connect(name)
  const answers = new Answers()
  client.on('message', (_, payload, { properties }) =>
    answers.settle(Number(properties?.correlationData), JSON.parse(String(payload)).number),
  )
  const responseTopic = `answers/${name}`
  await client.subscribeAsync(responseTopic, { qos: 1 })
  return {
    close: () => client.end(true),
    call(deviceId, number) {
      const properties = { responseTopic, correlationData: Buffer.from(String(number)) }
      client.publish(topicOf(deviceId), JSON.stringify({ command: 'echo', number }), { qos: 1, properties })
      return answers.of(number)
    },
  }
}

function topicOf(deviceId: string): string {
  return `devices/${deviceId}/commands`
}

function versionText(): string | undefined {
  const { stdout, error } = spawnSync(command, ['-h'], { encoding: 'utf8' })
  return error ? undefined : stdout.split('\n')[0]!.replace(' version', '')
}
