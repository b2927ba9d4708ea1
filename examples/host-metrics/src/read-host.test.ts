import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { deviceId, parseNetDev, readHost } from './read-host.ts'

test('a reading of this machine is plausible', async () => {
  const first = await readHost()
  const { frame } = await readHost({ ...first.sample, atMs: first.sample.atMs - 1000 })
  match(frame.device_id, /^[\w.-]+$/)
  deepEqual(Object.keys(frame.tags), ['os', 'arch', 'role'])
  for (const name of ['cpu_usage', 'memory_usage', 'disk_usage']) {
    const value = frame.metrics[name]!
    ok(value >= 0 && value <= 100, `${name} is ${value}`)
  }
  for (const [name, value] of Object.entries(frame.metrics)) ok(Number.isFinite(value) && value >= 0, name)
  equal('net_receive_bytes_per_second' in frame.metrics, process.platform === 'linux')
})

test('the loopback does not count as network', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 100 1 0 0 0 0 0 0 40 1 0 0 0 0 0 0
 wlan0:20 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0
`
  deepEqual(parseNetDev(text), { received: 120, sent: 42 })
})

test('any host name becomes a device id', () => {
  equal(deviceId('Anna’s Mac, 2'), 'Anna-s-Mac-2')
  equal(deviceId(''), 'unnamed-host')
})
