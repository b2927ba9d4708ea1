import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { onServerCore } from '../../harness/pinning.ts'
import { freePort, startUntilOk } from '../../harness/server-process.ts'
import type { Peer, Server } from './peer.ts'

const settleMs = 2000
const preload = join(import.meta.dirname, '../memory-on-signal.ts')

/** Starts a system on a port of its own over an empty folder, on the server's core if that is wanted. */
export async function startServer(peer: Peer, dataDir: string, pinned: boolean): Promise<Server> {
  rmSync(dataDir, { recursive: true, force: true })
  mkdirSync(dataDir, { recursive: true })
  const port = await freePort()
  const memoryFile = `${dataDir}.memory.json`
  const launch = {
    command: process.execPath,
    args: ['--expose-gc', '--import', preload, peer.script],
    env: { ...peer.env(dataDir, port), BENCH_MEMORY_FILE: memoryFile },
  }
  const url = `http://127.0.0.1:${port}${peer.readyPath}`
  const server = await startUntilOk(peer.name, pinned ? onServerCore(launch) : launch, url, `${dataDir}.log`)
  return {
    peer,
    port,
    pid: server.pid,
    headers: peer.headersOf(dataDir),
    stop: server.stop,
    async memory() {
      await sleep(settleMs)
      rmSync(memoryFile, { force: true })
      process.kill(server.pid, 'SIGUSR2')
      while (!existsSync(memoryFile)) {
        if (server.hasExited()) throw new Error(`${peer.name} has ended`)
        await sleep(50)
      }
      return JSON.parse(readFileSync(memoryFile, 'utf8'))
    },
  }
}
