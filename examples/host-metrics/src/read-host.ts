import { readFile, statfs } from 'node:fs/promises'
import { arch, cpus, freemem, hostname, loadavg, platform, totalmem, uptime } from 'node:os'

/** One reading of the counters that rates are computed from. */
export interface HostSample {
  atMs: number
  cpu: { busy: number; total: number }
  /** Bytes since the machine started; `null` where it does not say. */
  network: { received: number; sent: number } | null
}

export interface HostFrame {
  device_id: string
  timestamp: string
  metrics: Record<string, number>
  tags: Record<string, string>
}

/**
 * Reads the machine. Rates (CPU, network) are over the time since `previous`; without it they are left out, except the
 * CPU, which then is the mean since the machine started.
 */
export async function readHost(previous?: HostSample): Promise<{ frame: HostFrame; sample: HostSample }> {
  const sample: HostSample = { atMs: Date.now(), cpu: cpuTimes(), network: await networkBytes() }
  const metrics = {
    cpu_usage: cpuUsage(sample.cpu, previous?.cpu),
    memory_usage: percent(totalmem() - freemem(), totalmem()),
    memory_used_bytes: totalmem() - freemem(),
    load_1m: round(loadavg()[0]!),
    uptime_seconds: Math.floor(uptime()),
    ...(await diskUse()),
    ...networkRates(sample, previous),
  }
  const tags = { os: platform(), arch: arch(), role: 'host' }
  const frame = { device_id: deviceId(hostname()), timestamp: new Date(sample.atMs).toISOString(), metrics, tags }
  return { frame, sample }
}

/** A host name as a device id: what an id or a list of ids cannot hold becomes a dash. */
export function deviceId(host: string): string {
  return host.replace(/[^\w.-]+/g, '-').slice(0, 128) || 'unnamed-host'
}

/** Sums the interfaces of `/proc/net/dev`, without the loopback. */
export function parseNetDev(text: string): { received: number; sent: number } {
  const rows = [...text.matchAll(/^\s*([^\s:]+):\s*(.+)$/gm)].filter(([, name]) => name !== 'lo')
  const columns = rows.map(([, , counters]) => counters!.trim().split(/\s+/).map(Number))
  const sum = (column: number) => columns.reduce((total, row) => total + row[column]!, 0)
  return { received: sum(0), sent: sum(8) }
}

function cpuTimes(): HostSample['cpu'] {
  const times = cpus().map((cpu) => cpu.times)
  const total = times.reduce((sum, one) => sum + one.user + one.nice + one.sys + one.idle + one.irq, 0)
  return { total, busy: total - times.reduce((sum, one) => sum + one.idle, 0) }
}

function cpuUsage(now: HostSample['cpu'], before: HostSample['cpu'] = { busy: 0, total: 0 }): number {
  return percent(now.busy - before.busy, now.total - before.total)
}

async function diskUse(): Promise<{ disk_usage: number; disk_free_bytes: number }> {
  const disk = await statfs(process.cwd())
  return { disk_usage: percent(disk.blocks - disk.bfree, disk.blocks), disk_free_bytes: disk.bavail * disk.bsize }
}

async function networkBytes(): Promise<HostSample['network']> {
  if (platform() !== 'linux') return null
  return parseNetDev(await readFile('/proc/net/dev', 'utf8'))
}

function networkRates(now: HostSample, before: HostSample | undefined): Record<string, number> {
  const seconds = before ? (now.atMs - before.atMs) / 1000 : 0
  if (!now.network || !before?.network || seconds <= 0) return {}
  return {
    net_receive_bytes_per_second: Math.max(0, round((now.network.received - before.network.received) / seconds)),
    net_send_bytes_per_second: Math.max(0, round((now.network.sent - before.network.sent) / seconds)),
  }
}

const round = (value: number) => Math.round(value * 100) / 100
const percent = (part: number, whole: number) =>
  whole > 0 ? round(Math.min(100, Math.max(0, (part / whole) * 100))) : 0
