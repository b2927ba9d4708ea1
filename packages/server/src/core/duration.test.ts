import { equal, match } from 'node:assert/strict'
import { test } from 'node:test'
import { durationForm, durationMs } from './duration.ts'

test('a time is a whole number of seconds, minutes, hours or days of 24 hours', () => {
  const times = { '0s': 0, '90s': 90_000, '2m': 120_000, '1h': 3_600_000, '366d': 31_622_400_000 }
  for (const [text, ms] of Object.entries(times)) {
    match(text, new RegExp(`^${durationForm}$`))
    equal(durationMs(text), ms)
  }
})
