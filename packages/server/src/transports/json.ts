import { invalid } from '../core/failure.ts'

const depthMax = 32
const keysMax = 10_000
/** A list of readings has many, and each costs little. */
const elementsMax = 100_000

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid('body', notJson(text))
  }
}

function notJson(text: string): string {
  if (/[:[,]\s*-?(NaN|Infinity)\b/.test(text)) return 'is not valid JSON: NaN and Infinity are not readings'
  return 'is not valid JSON'
}

/**
 * Refuses values that are nested too deep, or have too many keys or elements to be worth a look, and text that is no
 * Unicode.
 */
export function checkShape(value: unknown): void {
  let [keys, elements] = [0, 0]
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > depthMax) throw invalid('body', `is nested deeper than ${depthMax} levels`)
    const next: unknown[] = []
    for (const node of level) {
      if (typeof node === 'string') checkText(node)
      if (typeof node !== 'object' || node === null) continue
      if (Array.isArray(node)) {
        elements += node.length
        if (elements > elementsMax) throw invalid('body', `has more than ${elementsMax} elements in lists`)
        for (const child of node) next.push(child)
        continue
      }
      const children = Object.entries(node)
      keys += children.length
      if (keys > keysMax) throw invalid('body', `has more than ${keysMax} keys`)
      for (const [key, child] of children) {
        checkText(key)
        next.push(child)
      }
    }
    level = next
  }
}

/** JSON may escape half a surrogate pair, which no store can keep as it is. */
function checkText(text: string): void {
  if (!text.isWellFormed()) throw invalid('body', 'holds text that is not well-formed Unicode')
}
