import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { TestContext } from 'node:test'

export type Records = Record<string, { A?: string[]; AAAA?: string[] } | 'servfail' | 'silent'>

const types = { A: 1, AAAA: 28 }

/** A DNS server at 127.0.0.1 that knows these names and no others, until the test ends. Returns its address. */
export async function startDnsServer(t: TestContext, records: Records): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const { name, type, question } = questionOf(query)
    const known = records[name]
    if (known === 'silent') return
    const addresses = typeof known === 'object' ? (known[type] ?? []) : []
    const code = known === 'servfail' ? 2 : known === undefined ? 3 : 0
    const head = Buffer.alloc(12)
    query.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 | code, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(addresses.length, 6)
    const answers = addresses.map((each) => answerOf(type, each))
    socket.send(Buffer.concat([head, question, ...answers]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

/** https://www.rfc-editor.org/rfc/rfc1035#section-4.1.2 */
function questionOf(query: Buffer): { name: string; type: 'A' | 'AAAA'; question: Buffer } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at]!; length > 0; length = query[at]!) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = query.readUInt16BE(at + 1) === types.AAAA ? 'AAAA' : 'A'
  return { name: labels.join('.').toLowerCase(), type, question: query.subarray(12, at + 5) }
}

/** A record for the name of the question, for a minute. An IPv6 address is written in full. */
function answerOf(type: 'A' | 'AAAA', address: string): Buffer {
  const data =
    type === 'A'
      ? Buffer.from(address.split('.').map(Number))
      : Buffer.from(
          address
            .split(':')
            .map((group) => group.padStart(4, '0'))
            .join(''),
          'hex',
        )
  const head = Buffer.from([0xc0, 12, 0, types[type], 0, 1, 0, 0, 0, 60, 0, data.length])
  return Buffer.concat([head, data])
}
