import { EventEmitter, once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

const turnsToArrive = 4

export interface RawAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** A connection whose bytes the test chooses; answers are read as they come, by their `Content-Length`. */
export class RawConnection {
  readonly socket: Socket
  readonly #changes = new EventEmitter()
  #received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#changes.emit('change')
    })
    for (const event of ['end', 'close']) socket.on(event, () => this.#changes.emit('change'))
    socket.on('error', () => {})
  }

  static async open(url: string): Promise<RawConnection> {
    const { port, hostname } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new RawConnection(socket)
  }

  /**
   * Each piece in a packet of its own, and read by a server in this process before the next is sent; no more once the
   * server has ended.
   */
  async send(...pieces: (string | Buffer)[]): Promise<void> {
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) for (let turn = 0; turn < turnsToArrive; turn++) await nextTurn()
      if (this.socket.readableEnded || !this.socket.writable) return
      await new Promise<void>((resolve) => this.socket.write(piece, () => resolve()))
    }
  }

  /** The next answer; undefined when the connection ends before one. */
  async answer(): Promise<RawAnswer | undefined> {
    for (;;) {
      const answer = this.#take()
      if (answer) return answer
      if (this.socket.readableEnded || this.socket.destroyed) return undefined
      await once(this.#changes, 'change')
    }
  }

  async closed(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, 'close')
  }

  #take(): RawAnswer | undefined {
    const end = this.#received.indexOf('\r\n\r\n')
    if (end === -1) return undefined
    const [first, ...lines] = this.#received.toString('latin1', 0, end).split('\r\n')
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const bodyEnd = end + 4 + Number(headers['content-length'] ?? 0)
    if (this.#received.length < bodyEnd) return undefined
    const body = this.#received.toString('utf8', end + 4, bodyEnd)
    this.#received = this.#received.subarray(bodyEnd)
    return { status: Number(first!.split(' ')[1]), headers, body }
  }
}
