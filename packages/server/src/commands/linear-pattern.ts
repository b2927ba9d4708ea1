import { RE2JS } from 're2js'
import { memoize } from '../core/memoize.ts'

const patternsMax = 1000

/**
 * A pattern in linear time, whatever it is: a device or a client must not be able to stop the server by what it matches.
 * Errors: throws for what is no pattern of RE2.
 */
export const linearPattern = memoize(patternsMax, (pattern) => {
  const compiled = RE2JS.compile(pattern)
  return { test: (text: string) => compiled.matcher(text).find() }
})
