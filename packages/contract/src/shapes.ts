import Type from 'typebox'

/** An instant in ISO 8601 with an offset, as in `2025-11-03T01:53:54.518Z`. */
export const Timestamp = Type.String({ format: 'date-time', maxLength: 40 })

const visible = '[^\\s\\x00-\\x1f\\x7f-\\x9f]'
const noDot = '[^\\s\\x00-\\x1f\\x7f-\\x9f.]'

export const idPattern = `^(${noDot}${visible}*|\\.${noDot}${visible}*|\\.\\.${visible}+)$`
export const idLengthMax = 128

/**
 * An identifier chosen by a client (a device, an agent) or made by Nexus: no blanks, no control characters, and neither `.`
 * nor `..`, which an address can't name (https://url.spec.whatwg.org/#double-dot-path-segment).
 */
export const Id = Type.String({
  minLength: 1,
  maxLength: idLengthMax,
  pattern: idPattern,
  description: 'Without blanks and control characters; neither `.` nor `..`',
})

/** The schema's value, or null. */
export const nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description })

/** Of objects that have no other fields than theirs. */
export const closed = { additionalProperties: false } as const

/** A time, in whole seconds. */
export const Seconds = (maximum: number, more: { minimum?: number; description?: string } = {}) =>
  Type.Integer({ minimum: 1, maximum, ...more })

/** Where the next page begins; opaque. */
export const Cursor = Type.String({ minLength: 1, maxLength: 1024 })

export const PageLimit = Type.Integer({ minimum: 1, maximum: 100, default: 50 })

/** A remark beside a success: what was accepted although it looks odd. */
export const Warning = Type.Object({
  reason: Type.String({ description: 'Stable, snake_case' }),
  field: Type.Optional(Type.String()),
  issue: Type.String(),
})
