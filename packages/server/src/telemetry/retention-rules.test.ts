import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { createRetentionRules } from './retention-rules.ts'

const hour = 3_600e6
const now = Date.UTC(2025, 10, 3, 12, 34, 56) * 1000
const thisHour = Date.UTC(2025, 10, 3, 12) * 1000

function keptSince(policies: { metrics: string; keep: string }[], metric: string): number {
  const rules = createRetentionRules()
  rules.replace({ policies })
  return rules.keptSince(metric, now)
}

test('without a policy that matches, everything is kept', () => {
  equal(createRetentionRules().keptSince('m', now), 0)
  equal(keptSince([{ metrics: 'other', keep: '1h' }], 'm'), 0)
})

test('a policy keeps whole hours: what it names, and what is left of the hour before', () => {
  const keeps: [keep: string, hours: number][] = [
    ['1h', 1],
    ['30d', 30 * 24],
    ['2w', 14 * 24],
    ['1mo', 31 * 24],
    ['1y', 366 * 24],
  ]
  for (const [keep, hours] of keeps) equal(keptSince([{ metrics: '*', keep }], 'm'), thisHour - hours * hour, keep)
  equal(keptSince([{ metrics: '*', keep: '99999y' }], 'm'), 0)
})

test('the first policy that matches decides', () => {
  const policies = [
    { metrics: 'cpu.*', keep: '2h' },
    { metrics: '*', keep: '1h' },
  ]
  equal(keptSince(policies, 'cpu.user'), thisHour - 2 * hour)
  equal(keptSince(policies, 'cpu'), thisHour - hour)
})

test('a glob matches the whole name, and only a star stands for anything', () => {
  const globs: [glob: string, metric: string, matches: boolean][] = [
    ['cpu', 'cpu', true],
    ['cpu', 'cpu_usage', false],
    ['cpu*', 'cpu_usage', true],
    ['*usage', 'cpu_usage', true],
    ['c*e', 'cpu_usage', true],
    ['a.b', 'a.b', true],
    ['a.b', 'axb', false],
    ['a-b/c', 'a-b/c', true],
    ['**', 'x', true],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['*ab*ab', 'xabab', true],
    ['*ab*ab', 'xab', false],
    ['*ab*b', 'abab', true],
    // Tried in every way that the stars allow, this one would never come to an end.
    [`${'*a'.repeat(60)}b`, 'a'.repeat(128), false],
  ]
  for (const [metrics, metric, matches] of globs)
    equal(keptSince([{ metrics, keep: '1h' }], metric) > 0, matches, `${metrics} ${metric}`)
})

test('policies that are replaced no longer hold', () => {
  const rules = createRetentionRules()
  rules.replace({ policies: [{ metrics: '*', keep: '1h' }] })
  equal(rules.keptSince('m', now) > 0, true)
  rules.replace({ policies: [] })
  equal(rules.keptSince('m', now), 0)
})
