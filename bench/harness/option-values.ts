/** Those of a comma list, in the order of `all`; without a list all of them. Throws for a name that is none of theirs. */
export function chosen<T>(
  option: string,
  list: string | undefined,
  all: readonly T[],
  nameOf: (one: T) => string,
): T[] {
  const names = list?.split(',') ?? all.map(nameOf)
  const unknown = names.find((name) => !all.some((one) => nameOf(one) === name))
  if (unknown !== undefined) throw new Error(`${option}: ${unknown} is none of ${all.map(nameOf).join(', ')}`)
  return all.filter((one) => names.includes(nameOf(one)))
}

export function positive(option: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text)
  if (!(value > 0)) throw new Error(`${option} must be a number above 0`)
  return value
}
