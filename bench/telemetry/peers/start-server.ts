import { mkdirSync } from 'node:fs'
import { freePort, startUntilOk } from '../../harness/server-process.ts'
import type { Peer, Server } from './peer.ts'

/** Starts a system on a port of its own over a data folder, empty or from before, and waits until it is ready. */
export async function startServer(peer: Peer, dataDir: string): Promise<Server> {
  mkdirSync(dataDir, { recursive: true })
  const port = await freePort()
  const readyUrl = `http://127.0.0.1:${port}${peer.readyPath}`
  const server = await startUntilOk(peer.name, peer.launch(dataDir, port), readyUrl, `${dataDir}.log`)
  try {
    const headers = await peer.prepare(dataDir, port)
    return { peer, port, pid: server.pid, dataDir, headers, stop: server.stop }
  } catch (cause) {
    await server.stop()
    throw cause
  }
}
