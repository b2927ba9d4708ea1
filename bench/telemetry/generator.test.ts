import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { jsonOf, lineOf } from './formats.ts'
import { framesOf, startMs, stepMs, workloadOf } from './generator.ts'

const small = { hosts: 3, steps: 4 }
const lines = (seed?: number) => Array.from(framesOf(small, seed), jsonOf)

test('one seed is one workload', () => {
  deepEqual(lines(1), lines(1))
  notDeepEqual(lines(1), lines(2))
})

test('three days are 25,920 steps of a hundred hosts', () => {
  deepEqual(workloadOf(72), { hosts: 100, steps: 25_920 })
})

test('every host reports at every step, with values from 0 to 100', () => {
  const frames = Array.from(framesOf(small), ({ host, atMs, tenths }) => ({ host, atMs, tenths: [...tenths] }))
  equal(frames.length, 12)
  equal(new Set(frames.map(({ host, atMs }) => `${host.device_id} ${atMs}`)).size, 12)
  equal(frames.at(-1)!.atMs, startMs + 3 * stepMs)
  for (const { tenths } of frames) ok(tenths.every((value) => value >= 0 && value <= 1000))
})

test('both formats carry the same numbers, tags and time', () => {
  for (const frame of framesOf(small)) {
    const json = JSON.parse(jsonOf(frame))
    const [, tags, fields, ns] = /^host,(\S+) (\S+) (\d+)$/.exec(lineOf(frame))!
    const pairs = (text: string) => Object.fromEntries(text.split(',').map((pair) => pair.split('=')))
    deepEqual(pairs(tags!), { device_id: json.device_id, ...json.tags })
    const numbers = Object.entries(pairs(fields!)).map(([name, value]) => [name, Number(value)])
    deepEqual(Object.fromEntries(numbers), json.metrics)
    equal(BigInt(ns!), BigInt(Date.parse(json.timestamp)) * 1_000_000n)
  }
})
