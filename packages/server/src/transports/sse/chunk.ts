const made = new WeakMap<Buffer, Buffer>()
const end = Buffer.from('\r\n')

/**
 * A piece of an answer, which is not empty, as a chunk (RFC 9112, 7.1), which `node:http` would frame anew for each answer, in
 * three writes. Made once for all who are sent the same piece.
 */
export function chunkOf(piece: Buffer): Buffer {
  let chunk = made.get(piece)
  if (!chunk) {
    chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, end])
    made.set(piece, chunk)
  }
  return chunk
}
