import fc from 'fast-check'

/** A field of a cron pattern: its text, and the values that it stands for by crontab(5). */
export interface CronField {
  text: string
  values: ReadonlySet<number>
}

/**
 * Any field of values from `min` to `max` but a plain `*`: values, ranges, steps where they are wanted, and lists of what has
 * no value in common.
 */
export function cronField(min: number, max: number, steps: boolean): fc.Arbitrary<CronField> {
  const value = fc.integer({ min, max })
  const upTo = (from: number, to: number, by = 1) => {
    const values: number[] = []
    for (let at = from; at <= to; at += by) values.push(at)
    return values
  }
  const single = value.map((at) => ({ text: `${at}`, values: [at] }))
  const range = fc.tuple(value, value).map(([a, b]) => {
    const [from, to] = [Math.min(a, b), Math.max(a, b)]
    return { text: `${from}-${to}`, values: upTo(from, to), from, to }
  })
  const step = fc.integer({ min: 1, max: max - min })
  const wide = range.filter(({ from, to }) => to > from)
  const stepped = fc.oneof(
    step.map((by) => ({ text: `*/${by}`, values: upTo(min, max, by) })),
    fc.tuple(wide, step).map(([{ from, to }, by]) => ({ text: `${from}-${to}/${by}`, values: upTo(from, to, by) })),
  )
  const item = steps ? fc.oneof(single, range, stepped) : fc.oneof(single, range)
  return fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => {
    const values = new Set<number>()
    const texts: string[] = []
    for (const one of items) {
      if (one.values.some((at) => values.has(at))) continue
      for (const at of one.values) values.add(at)
      texts.push(one.text)
    }
    return { text: texts.join(','), values }
  })
}

/** A plain `*`. */
export function anyOf(min: number, max: number): CronField {
  return { text: '*', values: new Set(Array.from({ length: max - min + 1 }, (_, index) => min + index)) }
}

/** What the clocks of a zone show at an instant, as milliseconds of a UTC that shows the same. */
export function wallReader(timeZone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  return (at) => Date.parse(`${format.format(at).replace(' ', 'T')}Z`)
}
