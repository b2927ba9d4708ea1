import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type Format, formats } from './formats.ts'
import { framesOf, type Workload } from './generator.ts'

/** Request bodies that were rendered before any clock started, in one file. */
export interface Payloads {
  file: string
  /** Where each body begins; one more than there are bodies. */
  offsets: number[]
  framesEach: number
  frames: number
}

/** Renders the workload as bodies of `framesEach` lines each (the last one may be shorter). */
export function renderPayloads(dir: string, format: Format, workload: Workload, framesEach: number): Payloads {
  const file = join(dir, `frames-${framesEach}.${format}`)
  const out = openSync(file, 'w')
  const offsets = [0]
  let lines: string[] = []
  const flush = () => {
    const bytes = Buffer.from(`${lines.join('\n')}\n`)
    writeSync(out, bytes)
    offsets.push(offsets.at(-1)! + bytes.length)
    lines = []
  }
  for (const frame of framesOf(workload)) {
    lines.push(formats[format](frame))
    if (lines.length === framesEach) flush()
  }
  if (lines.length > 0) flush()
  closeSync(out)
  return { file, offsets, framesEach, frames: workload.hosts * workload.steps }
}

/** Hands out the bodies one after another, each once; `undefined` when all are out. */
export function bodiesOf(payloads: Payloads): { next(): Buffer | undefined; close(): void } {
  const fd = openSync(payloads.file, 'r')
  let index = 0
  const next = () => {
    const [begin, end] = [payloads.offsets[index]!, payloads.offsets[index + 1]]
    if (end === undefined) return undefined
    index += 1
    const body = Buffer.allocUnsafe(end - begin)
    readSync(fd, body, 0, body.length, begin)
    return body
  }
  return { next, close: () => closeSync(fd) }
}
