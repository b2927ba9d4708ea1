import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { formats } from './formats.ts'
import { framesOf, startMs, workloadOf } from './generator.ts'
import type { Server } from './peers/peer.ts'

export interface SingleResult {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
}

/**
 * One frame a request over 64 connections, closed loop, by `wrk`: a load generator in JavaScript would spend more on a
 * request than the servers do, and on a small machine take that from them.
 */
export async function measureSingle(server: Server, workDir: string, seconds: number): Promise<SingleResult> {
  await runWrk(server, workDir, Math.max(2, Math.round(seconds / 4)), 1)
  const { requests, seconds: took, p50Ms, p99Ms, failed } = await runWrk(server, workDir, seconds, 2)
  if (failed > 0) throw new Error(`${server.peer.name} failed ${failed} of ${requests} requests`)
  return { requestsPerSecond: requests / took, p50Ms, p99Ms }
}

interface WrkResult {
  requests: number
  seconds: number
  p50Ms: number
  p99Ms: number
  failed: number
}

async function runWrk(server: Server, workDir: string, seconds: number, round: number): Promise<WrkResult> {
  const { write, format } = server.peer
  const templates = templatesIn(workDir, server)
  const clock = format === 'json' ? 'iso' : 'ns'
  const first = String(startMs / 1000 - round * 10_000_000)
  const settings = [
    '-t1',
    '-c64',
    `-d${seconds}s`,
    '--timeout',
    '10s',
    '-s',
    join(import.meta.dirname, 'one-frame.lua'),
  ]
  const headers = Object.entries(server.headers).flat()
  const { stdout } = await promisify(execFile)('wrk', [
    ...settings,
    `http://127.0.0.1:${server.port}`,
    '--',
    write.one,
    write.oneType,
    templates,
    clock,
    first,
    ...headers,
  ])
  const line = /^RESULT (.+)$/m.exec(stdout)
  if (!line) throw new Error(`wrk said: ${stdout}`)
  return JSON.parse(line[1]!) as WrkResult
}

/** Frames of ten steps with a mark for the time, so that successive requests differ in their values. */
function templatesIn(workDir: string, server: Server): string {
  const file = join(workDir, `templates.${server.peer.format}`)
  const render = formats[server.peer.format]
  const lines = Array.from(framesOf(workloadOf(100 / 3600), 7), (frame) => {
    return render(frame).replace(/(?<="timestamp":")[^"]+|\d{19}$/, '@@@')
  })
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}
