/**
 * What there is, by the first `max` that `read` finds as committed. What was known before and is not found has ended elsewhere,
 * and is left, unless there may be more than was read. What becomes known while it reads stays, for it may have been committed
 * after that.
 */
export async function caughtUp<Found>(
  known: Pick<ReadonlyMap<string, unknown>, 'keys'>,
  max: number,
  read: (max: number) => Promise<readonly (readonly [id: string, found: Found])[]>,
  leave: (id: string) => void,
): Promise<ReadonlyMap<string, Found>> {
  const before = [...known.keys()]
  const found = new Map(await read(max))
  if (found.size < max) for (const id of before) if (!found.has(id)) leave(id)
  return found
}
