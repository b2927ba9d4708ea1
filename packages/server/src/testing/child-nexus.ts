import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

export interface ChildNexus {
  url: string
  process: ChildProcess
  /** How it ended. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** All that it wrote so far. */
  output(): string
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const announcement = /Nexus listens on (\S+);/

/** The server as a process of its own, on a free port, listening. Rejects with what it wrote if it ends before. */
export async function spawnNexus(t: TestContext, env: Record<string, string>): Promise<ChildNexus> {
  const child = startProcess(t, main, [], {
    NEXUS_PORT: '0',
    NEXUS_RATE_LIMITS: 'off',
    NEXUS_LOG_LEVEL: 'warn',
    ...env,
  })
  const url = await Promise.race([
    child.wrote(announcement),
    child.ended.then(({ code, signal }) => {
      throw new Error(`ended with ${code ?? signal}: ${child.output()}`)
    }),
  ])
  return { url: url[1]!, process: child.process, ended: child.ended, output: child.output }
}

/** Runs a script under this Node; it is killed with the test, if it has not ended by then. */
export function startProcess(t: TestContext, script: string, args: string[], env: Record<string, string>) {
  const process_ = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '16', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const waiting: (() => void)[] = []
  for (const stream of [process_.stdout, process_.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (const look of waiting) look()
    })
  }
  const { promise: ended, resolve } = Promise.withResolvers<Awaited<ChildNexus['ended']>>()
  process_.on('close', (code, signal) => resolve({ code, signal }))
  t.after(async () => {
    process_.kill('SIGKILL')
    await ended
  })
  const wrote = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((found) => {
      const look = () => {
        const match = pattern.exec(text)
        if (match) found(match)
      }
      waiting.push(look)
      look()
    })
  return { process: process_, ended, wrote, output: () => text }
}

/** Nobody listens there now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as { port: number }
  await new Promise((closed) => server.close(closed))
  return port
}
