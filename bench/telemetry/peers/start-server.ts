import { mkdirSync, readFileSync } from 'node:fs'
import { freePort, startProcess, untilOk } from '../server-process.ts'
import type { Peer, Server } from './peer.ts'

/** Starts a system on a port of its own over a data folder, empty or from before, and waits until it is ready. */
export async function startServer(peer: Peer, dataDir: string): Promise<Server> {
  mkdirSync(dataDir, { recursive: true })
  const port = await freePort()
  const logFile = `${dataDir}.log`
  const server = startProcess(peer.launch(dataDir, port), logFile)
  try {
    await untilOk(server, `http://127.0.0.1:${port}${peer.readyPath}`)
    const headers = await peer.prepare(dataDir, port)
    return { peer, port, pid: server.pid, dataDir, headers, stop: server.stop }
  } catch (cause) {
    await server.stop()
    throw new Error(`${peer.name} did not start; it said:\n${readFileSync(logFile, 'utf8').slice(-2000)}`, { cause })
  }
}
