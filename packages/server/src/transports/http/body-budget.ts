import type { FastifyRequest } from 'fastify'

/** What a connection costs anyway. */
const smallBytes = 64 * 1024

/** How many bytes of bodies may be under way at once, over all connections. */
export class BodyBudget {
  readonly #bytesMax: number
  readonly #taken = new WeakMap<FastifyRequest, number>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Whether a body is large enough to be counted. */
  counts(request: FastifyRequest): boolean {
    return bytesOf(request) > smallBytes
  }

  /** False if the body doesn't fit any more. */
  take(request: FastifyRequest): boolean {
    const bytes = bytesOf(request)
    if (bytes <= smallBytes) return true
    // What is over the route's limit is refused before it is read.
    if (bytes > request.routeOptions.bodyLimit) return true
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    this.#taken.set(request, bytes)
    return true
  }

  give(request: FastifyRequest): void {
    if (this.#bytes === 0) return
    this.#bytes -= this.#taken.get(request) ?? 0
    this.#taken.delete(request)
  }
}

/** A body of unknown length counts as large as it may become. */
function bytesOf(request: FastifyRequest): number {
  const { 'content-length': length, 'transfer-encoding': chunked } = request.headers
  return chunked === undefined ? Number(length ?? 0) : request.routeOptions.bodyLimit
}
