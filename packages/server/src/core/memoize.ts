/**
 * Makes something of a text, and keeps it for the next time the text comes: of at most `max` texts, of which the oldest goes
 * first. What throws is not kept. `rest` must make no difference but to what is thrown; what is made is shared.
 */
export function memoize<Rest extends unknown[], Made>(
  max: number,
  make: (text: string, ...rest: Rest) => Made,
): (text: string, ...rest: Rest) => Made {
  const known = new Map<string, Made>()
  return (text, ...rest) => {
    if (known.has(text)) return known.get(text)!
    const made = make(text, ...rest)
    if (known.size >= max) known.delete(known.keys().next().value!)
    known.set(text, made)
    return made
  }
}
