/** What a WebSocket client sends first (RFC 6455, section 4.1); the key is the RFC's own, for nobody checks the answer. */
export function upgradeRequest(path: string, headers: Readonly<Record<string, string>> = {}): Buffer {
  return requestHead(path, {
    ...headers,
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  })
}

export function requestHead(path: string, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries({ host: 'bench', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
}

export function textFrame(text: string): Buffer {
  return clientFrame(0x1, Buffer.from(text))
}

/** One may be sent unasked, as a sign of life (RFC 6455, section 5.5.3). */
export const pongFrame = clientFrame(0xa, Buffer.alloc(0))

/** A masked frame (section 5.2); a mask of zeros leaves the payload as it is. */
function clientFrame(opcode: number, payload: Buffer): Buffer {
  const length =
    payload.length < 126 ? [0x80 | payload.length] : [0x80 | 126, payload.length >> 8, payload.length & 0xff]
  return Buffer.concat([Buffer.from([0x80 | opcode, ...length, 0, 0, 0, 0]), payload])
}
