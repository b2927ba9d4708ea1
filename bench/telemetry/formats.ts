import { type HostFrame, metrics } from './generator.ts'

/** How a system takes frames. */
export type Format = 'json' | 'line'

export const formats: Record<Format, (frame: HostFrame) => string> = { json: jsonOf, line: lineOf }

/** The specification's frame, on one line. */
export function jsonOf({ host, atMs, tenths }: HostFrame): string {
  const values = metrics.map((name, index) => `"${name}":${decimal(tenths[index]!)}`).join(',')
  const tags = `"environment":"${host.environment}","region":"${host.region}","service":"${host.service}"`
  const at = new Date(atMs).toISOString()
  return `{"device_id":"${host.device_id}","timestamp":"${at}","metrics":{${values}},"tags":{${tags}}}`
}

/** InfluxDB's line protocol, in nanoseconds; what JSON has as a device id is a tag here. */
export function lineOf({ host, atMs, tenths }: HostFrame): string {
  const fields = metrics.map((name, index) => `${name}=${decimal(tenths[index]!)}`).join(',')
  const tags = `device_id=${host.device_id},environment=${host.environment},region=${host.region},service=${host.service}`
  return `host,${tags} ${fields} ${atMs}000000`
}

function decimal(tenths: number): string {
  return `${Math.floor(tenths / 10)}.${tenths % 10}`
}
