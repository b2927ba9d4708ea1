import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join, normalize } from 'node:path'
import { json } from 'node:stream/consumers'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

/** What a page is called with. */
export interface Given {
  /** Of Nexus. */
  url: string
  apiKey: string
}

/** How a page says to its test what it saw. */
export type Tell = (name: string, value?: unknown) => Promise<void>

/** The origin of a page: a server of its own, for one page and the test that it speaks to. */
export interface PageServer {
  url: string
  /** What the page tells first under a name. Rejects when the page fails, or has not told it in time. */
  hears(name: string): Promise<unknown>
  /** Says that nothing more will come from the page. */
  fail(why: string): void
}

const patienceMs = 60_000
const pages = fileURLToPath(new URL('pages', import.meta.url))

/** Serves `pages/<name>.ts`, which exports `run(given, tell)`, and the packages in `modules` under their names. */
export async function servePage(t: TestContext, name: string, modules: string, given: Given): Promise<PageServer> {
  const told = new Map<string, PromiseWithResolvers<unknown>>()
  const under = (what: string) => {
    const kept = told.get(what) ?? Promise.withResolvers<unknown>()
    told.set(what, kept)
    return kept
  }
  const failed = under('failed').promise
  const server = createServer(async (request, response) => {
    if (request.method === 'POST') {
      const { name: what, value } = (await json(request)) as { name: string; value: unknown }
      under(what).resolve(value)
      response.end()
    } else answer(request, response, modules, html(name, given))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async hears(what) {
      const late = Promise.withResolvers<unknown>()
      const timer = setTimeout(() => late.resolve(`it has not told ${what} within ${patienceMs} ms`), patienceMs)
      const failure = Promise.race([failed, late.promise]).then((why) => {
        throw new Error(`the page failed: ${why}`)
      })
      return Promise.race([under(what).promise, failure]).finally(() => clearTimeout(timer))
    },
    fail: (why) => under('failed').resolve(why),
  }
}

function answer(request: IncomingMessage, response: ServerResponse, modules: string, page: string): void {
  const path = normalize(request.url!)
  const file = path.startsWith('/pages/') ? join(pages, path.slice('/pages/'.length)) : join(modules, path)
  if (path === '/') response.writeHead(200, { 'content-type': 'text/html' }).end(page)
  else if (!/\.[jt]s$/.test(file) || !existsSync(file)) response.writeHead(404).end()
  else {
    const source = readFileSync(file, 'utf8')
    response.writeHead(200, { 'content-type': 'text/javascript' })
    response.end(file.endsWith('.ts') ? stripTypeScriptTypes(source) : source)
  }
}

function html(name: string, given: Given): string {
  const imports = { '@nexus/sdk': '/@nexus/sdk/dist/index.js' }
  return `<!doctype html>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
  const tell = (name, value = null) =>
    fetch('/', { method: 'POST', body: JSON.stringify({ name, value }) }).then(() => {})
  import('/pages/${name}.ts')
    .then(({ run }) => run(${JSON.stringify(given)}, tell))
    .catch((error) => tell('failed', String(error?.stack ?? error)))
</script>
`
}
