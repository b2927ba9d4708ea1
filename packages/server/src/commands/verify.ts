import type { CommandVerify } from '@nexus/contract'
import type { Reading } from '../core/condition.ts'
import type { ExecutionRecord, Said } from './record.ts'

const withinSecondsDefault = 60

/** How long the condition of a success is looked for. */
export function withinMs({ within_seconds = withinSecondsDefault }: CommandVerify): number {
  return within_seconds * 1000
}

export function successAt({ verifyBy, verify }: { verifyBy: number; verify: CommandVerify }): number {
  return verifyBy - withinMs(verify)
}

/**
 * What the success of a device makes of an execution that is to be verified: it goes on as `verifying`, although the work has
 * ended and what waits behind it may go on. One that was asked to stop is not waited for any longer.
 */
export function verifyingFrom({ subStatus }: ExecutionRecord, verify: CommandVerify, now: number): Said {
  if (subStatus === 'cancelling') return { status: 'cancelled', subStatus: null, statusReason: 'cancelled' }
  const verifyBy = now + withinMs(verify)
  return { status: 'running', subStatus: 'verifying', statusReason: null, completedAt: null, verifyBy }
}

export function verified(execution: ExecutionRecord, now: number): ExecutionRecord {
  return { ...execution, status: 'completed', subStatus: null, statusReason: null, completedAt: now }
}

/** The device's result stays. */
export function verificationFailed(
  execution: ExecutionRecord,
  verify: CommandVerify,
  last: Reading | undefined,
  now: number,
): ExecutionRecord {
  const seen = last === undefined ? 'there was no reading' : `the last reading was ${JSON.stringify(last)}`
  const message = `${verify.metric} did not hold within ${withinMs(verify) / 1000} s: ${seen}`
  return {
    ...execution,
    status: 'failed',
    subStatus: 'verify_failed',
    statusReason: 'verify_failed',
    error: { code: 'verify_failed', message: message.slice(0, messageLengthMax) },
    completedAt: now,
  }
}

/** Its command was cancelled while the condition was looked for. */
export function verificationCancelled(execution: ExecutionRecord, now: number): ExecutionRecord {
  return { ...execution, status: 'cancelled', subStatus: null, statusReason: 'cancelled', completedAt: now }
}

const messageLengthMax = 1024
