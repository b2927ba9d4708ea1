import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import { reasonWord } from './reason-word.ts'

const codes: [code: string | undefined, reason: string][] = [
  ['disk_full', 'disk_full'],
  ['E.404-x', 'E.404-x'],
  [undefined, 'failed'],
  ['no words', 'failed'],
  ['x'.repeat(65), 'failed'],
  // Of one that was lost nobody has said anything.
  ['worker_lost', 'failed'],
]
for (const [code, reason] of codes)
  test(`the reason of a failure that calls itself ${String(code).slice(0, 20)}`, () => {
    equal(reasonWord(code), reason)
  })
