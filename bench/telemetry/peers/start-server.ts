import { mkdirSync } from 'node:fs'
import { freePort, startProcess, untilOk } from '../server-process.ts'
import type { Peer, Server } from './peer.ts'

/** Starts a system on a port of its own over a data folder, empty or from before, and waits until it is ready. */
export async function startServer(peer: Peer, dataDir: string): Promise<Server> {
  mkdirSync(dataDir, { recursive: true })
  const port = await freePort()
  const { pid, stop } = startProcess(peer.launch(dataDir, port), `${dataDir}.log`)
  try {
    await untilOk(`http://127.0.0.1:${port}${peer.readyPath}`)
    const headers = await peer.prepare(dataDir, port)
    return { peer, port, pid, dataDir, headers, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
