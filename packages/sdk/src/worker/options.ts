import { workerLimits } from '../contract-data.ts'
import type { WorkerOptions } from './run.ts'

const known = ['id', 'queues', 'concurrency', 'callsPerSecond', 'onError'] as const satisfies (keyof WorkerOptions)[]
const { heldMax, queuesMax, namesMax, idPattern, idLengthMax, queuePattern, queueLengthMax } = workerLimits
const { namePattern, nameLengthMax } = workerLimits

/** Errors: `TypeError` (an option that there is none of, or of another type), `RangeError` (one out of its bounds). */
export function checkOptions(id: string, options: Omit<WorkerOptions, 'id'>): void {
  const unknown = Object.keys(options).find((name) => !known.some((one) => one === name))
  if (unknown !== undefined) throw new TypeError(`a worker has no option ${unknown}: expected ${known.join(', ')}`)
  const { queues, concurrency = 1, callsPerSecond = 1, onError } = options
  if (!fits(id, idPattern, idLengthMax))
    throw new RangeError(
      `id must be a text of 1 to ${idLengthMax} characters without blanks and control characters, neither . nor .., not ${shown(id)}`,
    )
  if (queues !== undefined) checkQueues(queues)
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > heldMax)
    throw new RangeError(`concurrency must be a whole number from 1 to ${heldMax}, not ${shown(concurrency)}`)
  if (!(callsPerSecond >= 1 && callsPerSecond <= 1e6))
    throw new RangeError(`callsPerSecond must be a number from 1 to 1000000, not ${shown(callsPerSecond)}`)
  if (onError !== undefined && typeof onError !== 'function')
    throw new TypeError(`onError must be a function, not ${shown(onError)}`)
}

function checkQueues(queues: readonly string[]): void {
  if (!Array.isArray(queues) || queues.length === 0 || queues.length > queuesMax)
    throw new RangeError(`queues must be a list of 1 to ${queuesMax}: leave it out for the queue default`)
  const bad = queues.find((queue) => !fits(queue, queuePattern, queueLengthMax))
  if (bad !== undefined)
    throw new RangeError(
      `a queue must be a text of 1 to ${queueLengthMax} letters, digits, _, . and -, neither of the last two in front, not ${shown(bad)}`,
    )
}

/** Errors: `RangeError` (no name of a handler, or too many), `TypeError` (no function), `Error` (there is one of this name). */
export function checkHandler(name: string, handler: unknown, among: ReadonlyMap<string, unknown>): void {
  if (!fits(name, namePattern, nameLengthMax))
    throw new RangeError(
      `the name of a handler must be a text of 1 to ${nameLengthMax} characters without control characters, not ${shown(name)}`,
    )
  if (typeof handler !== 'function')
    throw new TypeError(`the handler ${name} must be a function, not ${shown(handler)}`)
  if (among.has(name)) throw new Error(`the worker has a handler ${name} already`)
  if (among.size >= namesMax)
    throw new RangeError(`a worker has at most ${namesMax} handlers: give the others to another worker`)
}

function fits(value: unknown, pattern: string, lengthMax: number): boolean {
  return typeof value === 'string' && value.length <= lengthMax && new RegExp(pattern).test(value)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 200)) : String(value)
}
