import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface HttpAnswer {
  status: number
  body: Buffer
}

/** One keep-alive connection with one request at a time; no more HTTP than the servers under test speak. */
export interface HttpConnection {
  request(method: string, path: string, headers: Readonly<Record<string, string>>, body?: Buffer): Promise<HttpAnswer>
  close(): void
}

export async function openConnection(port: number): Promise<HttpConnection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return {
    async request(method, path, headers, body) {
      const lines = Object.entries({ host: 'bench', ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
      const length = body ? `content-length: ${body.length}\r\n` : ''
      const answer = answerOn(socket)
      socket.cork()
      socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n`)
      if (body) socket.write(body)
      socket.uncork()
      return answer
    },
    close: () => socket.destroy(),
  }
}

function answerOn(socket: Socket): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let expect: Expectation | undefined
    let size = 0
    const settle = (end: () => void) => {
      socket.off('data', onData).off('close', onClose).off('error', onClose)
      end()
    }
    const onClose = () => settle(() => reject(new Error('the server closed the connection')))
    const onData = (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      expect ??= expectationOf(chunks)
      if (!expect || !isComplete(expect, size, chunks)) return
      const { status, headEnd, length } = expect
      const body = Buffer.concat(chunks).subarray(headEnd)
      settle(() => resolve({ status, body: length === 'chunked' ? dechunked(body) : body }))
    }
    socket.on('data', onData).on('close', onClose).on('error', onClose)
  })
}

interface Expectation {
  status: number
  headEnd: number
  length: number | 'chunked'
}

function expectationOf(chunks: Buffer[]): Expectation | undefined {
  const text = Buffer.concat(chunks).toString('latin1')
  const blank = text.indexOf('\r\n\r\n')
  if (blank === -1) return undefined
  const head = text.slice(0, blank)
  const length = /^content-length: *(\d+)/im.exec(head)
  const chunked = /^transfer-encoding: *chunked/im.test(head)
  const status = Number(head.slice(9, 12))
  return { status, headEnd: blank + 4, length: chunked ? 'chunked' : Number(length?.[1] ?? 0) }
}

function isComplete(expect: Expectation, size: number, chunks: Buffer[]): boolean {
  if (expect.length !== 'chunked') return size >= expect.headEnd + expect.length
  const last = chunks.at(-1)!
  const tail = last.length >= 5 ? last : Buffer.concat(chunks.slice(-5))
  return tail.subarray(-5).toString('latin1') === '0\r\n\r\n'
}

function dechunked(body: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(body.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 4 + size
  }
}
