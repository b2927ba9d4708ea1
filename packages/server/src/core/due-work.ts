/** Does each by itself: one that cannot be done does not hold up the others. Whether all were done. */
export async function doEach<One>(
  all: Iterable<One>,
  act: (one: One) => Promise<void>,
  onError: (cause: unknown) => void,
): Promise<boolean> {
  let isOk = true
  for (const one of all) {
    try {
      await act(one)
    } catch (cause) {
      onError(cause)
      isOk = false
    }
  }
  return isOk
}

/** Does what is due, at most `atOnce` at a time, until nothing is or some of it could not be done. Whether all was done. */
export async function doDue<One>(
  atOnce: number,
  due: (atOnce: number) => Promise<readonly One[]>,
  act: (due: readonly One[]) => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    const found = await due(atOnce)
    if (!(await act(found))) return false
    if (found.length < atOnce) return true
  }
}
