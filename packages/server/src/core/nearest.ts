/** As many letters of a name are enough to be an abbreviation of it. */
const abbreviationMin = 3

/** The candidate that a mistyped or abbreviated name most likely meant; undefined when none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const begin = name.toLowerCase()
  const begun = name.length < abbreviationMin ? [] : candidates.filter((one) => one.startsWith(begin))
  if (begun.length === 1) return begun[0]
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 4)) + 1
  for (const candidate of candidates) {
    // Nearer than the difference of their lengths they can't be; without this a name as long as a body would cost seconds.
    if (Math.abs(name.length - candidate.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
