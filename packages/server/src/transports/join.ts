const pieceBytes = 256 * 1024

/**
 * Renders many into pieces of at most about 256 KiB: hundreds of small writes to a socket cost more than what is in them. Those
 * who are sent the same come one right after another: what fits into one piece is the same piece for all of them. What is
 * rendered depends on the item and on `name` alone.
 */
export function createJoin<T, Name = void>(
  render: (item: T, name: Name) => Buffer,
): (items: readonly T[], name: Name) => Generator<Buffer> {
  let last: { items: readonly T[]; name: Name; piece: Buffer } | undefined

  return function* join(items, name) {
    if (last && last.name === name && isSame(last.items, items)) return yield last.piece
    let [piece, bytes]: [Buffer[], number] = [[], 0]
    let isFirst = true
    for (const item of items) {
      const rendered = render(item, name)
      piece.push(rendered)
      bytes += rendered.length
      if (bytes < pieceBytes) continue
      yield Buffer.concat(piece)
      ;[piece, bytes, isFirst] = [[], 0, false]
    }
    if (piece.length === 0) return
    const rest = piece.length === 1 ? piece[0]! : Buffer.concat(piece)
    if (isFirst) last = { items, name, piece: rest }
    yield rest
  }
}

function isSame<T>(some: readonly T[], others: readonly T[]): boolean {
  return some.length === others.length && some.every((item, index) => item === others[index])
}
