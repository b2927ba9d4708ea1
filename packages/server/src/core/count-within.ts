/** How many of the first are within the bound together; of some at least one. */
export function countWithin(sizes: readonly number[], bytesMax: number): number {
  let bytes = 0
  const beyond = sizes.findIndex((size, i) => {
    bytes += size
    return bytes > bytesMax && i > 0
  })
  return beyond === -1 ? sizes.length : beyond
}
