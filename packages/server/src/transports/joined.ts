const pieceBytes = 64 * 1024

/** Renders many into pieces of about 64 KiB: hundreds of small writes to a socket cost more than what is in them. */
export function* joined<T>(items: readonly T[], render: (item: T) => Buffer): Generator<Buffer> {
  let [piece, bytes]: [Buffer[], number] = [[], 0]
  for (const item of items) {
    const rendered = render(item)
    piece.push(rendered)
    bytes += rendered.length
    if (bytes < pieceBytes) continue
    yield Buffer.concat(piece)
    ;[piece, bytes] = [[], 0]
  }
  if (piece.length === 1) yield piece[0]!
  else if (piece.length > 1) yield Buffer.concat(piece)
}
