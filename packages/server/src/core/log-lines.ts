/** What was kept of a log, and how much of it was not. */
export interface LogSize {
  lines: number
  bytes: number
  dropped: number
}

/** What a line takes beside its message. */
const lineBytes = 200

/** What a line counts for. */
export function lineSize({ message }: { message: string }): number {
  return lineBytes + Buffer.byteLength(message)
}

/** Of new lines those for which there is room, and the size of the log with them. */
export function keepable<Line extends { message: string }>(
  { lines, bytes, dropped }: LogSize,
  added: readonly Line[],
  bytesMax: number,
): { kept: Line[]; log: LogSize } {
  const kept: Line[] = []
  let sum = bytes
  for (const line of added) {
    const more = lineSize(line)
    if (sum + more > bytesMax) break
    sum += more
    kept.push(line)
  }
  return { kept, log: { lines: lines + kept.length, bytes: sum, dropped: dropped + added.length - kept.length } }
}
