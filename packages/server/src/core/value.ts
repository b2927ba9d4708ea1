import { telemetryLimits } from '@nexus/contract'

/** Why a frame was refused: the first fault found. */
export interface Fault {
  field: string
  issue: string
}

export function fault(field: string, issue: string): Fault {
  return { field, issue }
}

const { depthMax, keyLengthMax, stringBytesMax } = telemetryLimits

/** What holds for any value at any depth; `undefined` if all is well. */
export function valueFault(field: string, value: unknown, depth: number): Fault | undefined {
  switch (typeof value) {
    case 'number': {
      const issue = numberIssue(value)
      return issue ? fault(field, issue) : undefined
    }
    case 'string':
      return textFault(field, value)
    case 'object':
      return value === null ? undefined : childrenFault(field, value, depth)
    default:
      return undefined
  }
}

function childrenFault(field: string, value: object, depth: number): Fault | undefined {
  if (depth >= depthMax) return fault(field, `is nested deeper than ${depthMax} levels`)
  for (const [name, child] of Object.entries(value)) {
    const bad = valueFault(`${field}.${name.slice(0, keyLengthMax)}`, child, depth + 1)
    if (bad) return bad
    if (!name.isWellFormed()) return fault(field, 'has a key that is not well-formed Unicode')
  }
  return undefined
}

export function textFault(field: string, value: string): Fault | undefined {
  if (value.length * 3 > stringBytesMax && Buffer.byteLength(value) > stringBytesMax) {
    return fault(field, `has more than ${stringBytesMax} bytes`)
  }
  return value.isWellFormed() ? undefined : fault(field, 'is not well-formed Unicode')
}

/** The first number in a value that would not come back as it was sent, by its field. */
export function numbersFault(field: string, value: unknown): Fault | undefined {
  if (typeof value === 'number') {
    const issue = numberIssue(value)
    return issue ? fault(field, issue) : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const [name, child] of Object.entries(value)) {
    const bad = numbersFault(`${field}.${name.slice(0, keyLengthMax)}`, child)
    if (bad) return bad
  }
  return undefined
}

/** A double holds every whole number below 2^53; from there on digits would be lost in silence. */
export function numberIssue(value: number): string | undefined {
  if (!Number.isFinite(value))
    return 'must be a finite number: NaN and Infinity are none, nor is what a double cannot hold'
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    return 'is a whole number of 2^53 or more: send it as a string'
  return undefined
}
