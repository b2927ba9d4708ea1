import { setImmediate as nextTurn } from 'node:timers/promises'

/** How much text is read within one turn of the event loop. */
const turnBytes = 256 * 1024
const newline = 0x0a

/**
 * The rows of an answer in JSONCompactEachRow, which has one in each line and no line break in a value. An engine in this
 * process gives all of it at once: it is read in turns, for it may be a million rows.
 */
export async function readRows<Row>(chunks: AsyncIterable<Buffer>, signal?: AbortSignal): Promise<Row[]> {
  const rows: Row[] = []
  const readLines = async (lines: Buffer) => {
    if (lines.length === 0) return
    for (const row of JSON.parse(`[${lines.toString().replaceAll('\n', ',')}]`) as Row[]) rows.push(row)
    if (lines.length < turnBytes) return
    await nextTurn()
    signal?.throwIfAborted()
  }
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of chunks) {
    const text = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let from = 0
    for (let end = lineEnd(text, from); end !== -1; end = lineEnd(text, from)) {
      await readLines(text.subarray(from, end))
      from = end + 1
    }
    rest = text.subarray(from)
  }
  await readLines(rest)
  return rows
}

/** Where the last line ends of what is read next; -1 if no line ends any more. */
function lineEnd(text: Buffer, from: number): number {
  const near = from + turnBytes
  const end = near < text.length ? text.indexOf(newline, near) : -1
  return end === -1 && from < text.length ? lastLineEnd(text, from) : end
}

function lastLineEnd(text: Buffer, from: number): number {
  const end = text.lastIndexOf(newline)
  return end < from ? -1 : end
}
