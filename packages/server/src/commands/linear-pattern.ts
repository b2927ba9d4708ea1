import { RE2JS } from 're2js'
import { remembered } from '../core/remembered.ts'

export interface LinearPattern {
  test(text: string): boolean
  /** In how many states a match may be at once: so often is a character of a text looked at, at most. */
  states: number
}

const patternsMax = 1000

/**
 * A pattern in linear time, whatever it is: a device or a client must not be able to stop the server by what it matches.
 * Errors: throws for what is no pattern of RE2.
 */
export const linearPattern = remembered(patternsMax, (pattern): LinearPattern => {
  const compiled = RE2JS.compile(pattern)
  return { test: (text) => compiled.matcher(text).find(), states: compiled.programSize() }
})
