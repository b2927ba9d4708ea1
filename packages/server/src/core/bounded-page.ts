import { encodeCursor } from './paging.ts'

const bytesMax = 4 * 1024 * 1024
/** So many are read whatever they weigh. */
const firstStep = 8

export interface BoundedPage<Row, Shown> {
  limit: number
  /** The next rows after this one, or the first. */
  read(after: Row | undefined, limit: number): Promise<Row[]>
  show(rows: Row[]): Promise<Shown[]>
  position(row: Row): (string | number)[]
}

/**
 * A page of up to `limit`, and of no more than 4 MiB as JSON unless that is one row, with the cursor of the next. It is read
 * in steps, of which each heeds how much those before weighed.
 */
export async function boundedPage<Row, Shown>(
  of: BoundedPage<Row, Shown>,
): Promise<{ shown: Shown[]; next: string | null }> {
  const { limit, read, show, position } = of
  const shown: Shown[] = []
  let last: Row | undefined
  let [bytes, largest] = [0, 1]
  for (
    let step = firstStep;
    ;
    step = Math.max(1, Math.min(shown.length * 4, Math.floor((bytesMax - bytes) / largest)))
  ) {
    const asked = Math.min(step, limit - shown.length)
    const rows = await read(last, asked + 1)
    const part = rows.slice(0, asked)
    for (const [i, one] of (await show(part)).entries()) {
      const weight = Buffer.byteLength(JSON.stringify(one))
      if (bytes + weight > bytesMax && last !== undefined) return { shown, next: encodeCursor(position(last)) }
      bytes += weight
      largest = Math.max(largest, weight)
      shown.push(one)
      last = part[i]!
    }
    if (rows.length <= asked) return { shown, next: null }
    if (shown.length === limit) return { shown, next: encodeCursor(position(last!)) }
  }
}
