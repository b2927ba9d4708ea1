import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Launch {
  command: string
  args: string[]
  env?: Record<string, string>
}

export interface ServerProcess {
  pid: number
  hasExited(): boolean
  /** Asks it to end and waits until it has; kills it after 30 s. */
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

/** Starts a server; what it prints goes to `logFile`. */
function startProcess(launch: Launch, logFile: string): ServerProcess {
  const log = openSync(logFile, 'a')
  const child = spawn(launch.command, launch.args, {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...launch.env },
  })
  running.add(child)
  const exited = once(child, 'exit').finally(() => running.delete(child))
  const stop = async () => {
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await exited
    clearTimeout(late)
  }
  return { pid: child.pid!, hasExited: () => !running.has(child), stop }
}

/** The same, resolved once a GET to `url` answers 2xx; what the server said goes with the error when it does not. */
export async function startUntilOk(name: string, launch: Launch, url: string, logFile: string): Promise<ServerProcess> {
  const isOk = async () => {
    const answer = await fetch(url).catch(() => undefined)
    await answer?.arrayBuffer()
    return answer?.ok === true
  }
  return startUntil(name, launch, isOk, logFile)
}

/** The same, resolved once `isReady` says so. */
export async function startUntil(
  name: string,
  launch: Launch,
  isReady: () => Promise<boolean>,
  logFile: string,
): Promise<ServerProcess> {
  const server = startProcess(launch, logFile)
  try {
    await untilReady(server, isReady)
    return server
  } catch (cause) {
    await server.stop()
    throw new Error(`${name} did not start; it said:\n${readFileSync(logFile, 'utf8').slice(-2000)}`, { cause })
  }
}

async function untilReady(server: ServerProcess, isReady: () => Promise<boolean>, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs
  while (!(await isReady())) {
    if (server.hasExited()) throw new Error('the server ended before it was ready')
    if (Date.now() > deadline) throw new Error(`the server was not ready within ${withinMs} ms`)
    await sleep(50)
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return (address as { port: number }).port
}
