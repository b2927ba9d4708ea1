import type { HostFrame } from '@nexus/example-host-metrics'
import { type Device, type DeviceCommand, DeviceError } from '@nexus/sdk'
import type { Supervisor } from './supervisor.ts'

export interface HandlersDeps {
  service: string
  supervisor: Supervisor
  /** What the host measured last. */
  metrics(): HostFrame['metrics']
}

interface RestartParameters {
  graceful?: boolean
  timeout_seconds?: number
}

const logBytesMax = 128 * 1024
const timeoutSecondsDefault = 30
/** Of the time of a command; what is left is for the service to come up again. */
const stopShare = 0.8

/** The commands of this device. */
export function addHandlers(device: Device, { service, supervisor, metrics }: HandlersDeps): void {
  device.on(
    'health_check',
    () => {
      const { pid = null, uptimeSeconds, restarts } = supervisor
      return { healthy: pid !== null, service, pid, uptime_seconds: uptimeSeconds, restarts, metrics: metrics() }
    },
    { idempotent: true },
  )

  device.on<{ lines?: number }>(
    'logs',
    ({ parameters: { lines = 100 } }) => {
      const kept = supervisor.lines(Math.max(1, Math.floor(lines)))
      return { service, lines: newestWithin(kept, logBytesMax) }
    },
    { idempotent: true },
  )

  let isRestarting = false
  device.on<RestartParameters>('restart_service', async (command) => {
    if (isRestarting) throw new DeviceError('restart_under_way', `${service} is being restarted`)
    isRestarting = true
    return restart(command).finally(() => {
      isRestarting = false
    })
  })

  async function restart(command: DeviceCommand<RestartParameters>) {
    const { parameters, service: named, signal, progress, log } = command
    if (named !== undefined && named !== service)
      throw new DeviceError('unknown_service', `this device runs ${service}, and no ${named}`)
    const { graceful = true, timeout_seconds = timeoutSecondsDefault } = parameters
    const previous = supervisor.pid ?? null
    progress(10, `stopping ${service}`)
    const killed = await supervisor.stop(graceful ? timeout_seconds * 1000 * stopShare : 0, signal)
    log(killed ? `${service} (${previous}) was killed` : `${service} (${previous}) has ended`, killed ? 'warn' : 'info')
    progress(50, `starting ${service}`)
    await supervisor.start()
    progress(100, `${service} is up`)
    return { message: 'Service restarted', service, pid: supervisor.pid, previous_pid: previous, killed }
  }
}

function newestWithin(lines: string[], bytesMax: number): string[] {
  let bytes = 0
  const tooMany = lines.findLastIndex((line) => {
    bytes += Buffer.byteLength(line) + 3
    return bytes > bytesMax
  })
  return lines.slice(tooMany + 1)
}
