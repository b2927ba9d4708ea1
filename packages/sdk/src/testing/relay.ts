import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A network between client and server that can break. */
export interface Relay {
  url: string
  /** Breaks every connection, and refuses new ones, once so many more bytes have come from the server. */
  cutAfter(bytes: number): Promise<void>
  mend(): void
}

export async function openRelay(t: TestContext, server: string): Promise<Relay> {
  const { hostname, port } = new URL(server)
  const open = new Set<Socket>()
  let bytesLeft = Number.POSITIVE_INFINITY
  let isCut = () => {}

  const cut = () => {
    for (const socket of open) socket.resetAndDestroy()
    isCut()
  }
  const relay = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const [socket, other] of [[client, upstream] as const, [upstream, client] as const]) {
      open.add(socket)
      socket
        .on('error', () => {})
        .on('close', () => {
          open.delete(socket)
          other.destroy()
        })
    }
    if (bytesLeft <= 0) return void client.resetAndDestroy()
    client.pipe(upstream)
    upstream.on('data', (chunk: Buffer) => {
      if (bytesLeft <= 0) return
      const passed = chunk.subarray(0, bytesLeft)
      bytesLeft -= passed.length
      client.write(passed, bytesLeft <= 0 ? cut : undefined)
    })
    upstream.on('end', () => client.end())
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    relay.close()
  })
  return {
    url: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
    cutAfter(bytes) {
      bytesLeft = bytes
      return new Promise((resolve) => {
        isCut = resolve
      })
    },
    mend() {
      bytesLeft = Number.POSITIVE_INFINITY
    },
  }
}
