import { equal, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openConnection } from './http-connection.ts'

async function connectionTo(t: TestContext, listener: RequestListener) {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const http = await openConnection((server.address() as AddressInfo).port)
  t.after(() => {
    http.close()
    server.close()
  })
  return http
}

test('one connection carries request after request, whatever frames the answers', async (t) => {
  const big = `${'x'.repeat(300_000)}0\r\n`
  const http = await connectionTo(t, (req, res) => {
    if (req.url === '/none') res.writeHead(204).end()
    else if (req.url === '/chunked') res.write(big, () => res.end('end'))
    else req.pipe(res.writeHead(201, { 'content-length': req.headers['content-length'] }))
  })
  for (let round = 0; round < 3; round += 1) {
    equal((await http.request('GET', '/none', {})).status, 204)
    equal((await http.request('GET', '/chunked', {})).body.toString(), `${big}end`)
    const echo = await http.request('POST', '/echo', {}, Buffer.from(big))
    equal(echo.status, 201)
    equal(echo.body.toString(), big)
  }
})

test('a connection that breaks fails the request', async (t) => {
  const http = await connectionTo(t, (req) => req.socket.destroy())
  await rejects(http.request('GET', '/', {}), /closed the connection/)
})
