import { renameSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

// Loaded into a server before its own code: upon a signal it collects its garbage and writes down what is left.
if (isMainThread) {
  const file = process.env.BENCH_MEMORY_FILE!
  process.on('SIGUSR2', () => {
    gc!({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    writeFileSync(`${file}.part`, JSON.stringify(process.memoryUsage()))
    renameSync(`${file}.part`, file)
  })
}
