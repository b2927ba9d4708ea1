import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { startTestNexus } from '../../testing/nexus.ts'

test('a compressed body is read to its end: frames of zstd and members of gzip one after the other, and nothing else', async (t) => {
  const nexus = await startTestNexus(t)
  const line = (m: number) => `${JSON.stringify({ device_id: 'd', timestamp: 1762134834518 + m, metrics: { m } })}\n`
  const post = async (encoding: string, ...pieces: Buffer[]) => {
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': encoding }
    const body = Buffer.concat(pieces)
    const answer = await nexus.request('/v1/telemetry/frames/batch', { method: 'POST', body, headers })
    const { accepted } = (await answer.json()) as { accepted?: number }
    return [answer.status, accepted]
  }
  deepEqual(await post('zstd', zstdCompressSync(line(1)), zstdCompressSync(line(2))), [201, 2])
  deepEqual(await post('gzip', gzipSync(line(3)), gzipSync(line(4))), [201, 2])
  for (const [encoding, compress] of [
    ['zstd', zstdCompressSync],
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ] as const) {
    deepEqual(await post(encoding, compress(line(5)), Buffer.from('junk')), [400, undefined], encoding)
    deepEqual(await post(encoding, compress(line(5)).subarray(0, -3)), [400, undefined], encoding)
  }
  deepEqual(await post('deflate', deflateSync(line(5)), deflateSync(line(6))), [400, undefined])
})
