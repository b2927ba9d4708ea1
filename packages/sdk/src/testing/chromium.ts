import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]
const endingMs = 5000

/** Chromium as `NEXUS_TEST_CHROMIUM` names it, else as the shell finds it. In CI it must be there. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = folders.flatMap((folder) => names.map((name) => join(folder, name)))
  const found = [process.env.NEXUS_TEST_CHROMIUM ?? '', ...candidates].find((path) => path !== '' && existsSync(path))
  if (found === undefined && process.env.CI === 'true') throw new Error(`there is no Chromium: ${names.join(', ')}`)
  return found
}

/** Opens a page in a Chromium of its own, which ends with the test. `onEnd` is told what it said when it ends before. */
export function openChromium(t: TestContext, chromium: string, url: string, onEnd: (said: string) => void): void {
  const profile = mkdtempSync(join(tmpdir(), 'nexus-chromium-'))
  const child = spawn(chromium, [...flags, `--user-data-dir=${profile}`, url], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  child.on('error', (error) => onEnd(String(error))).on('close', () => onEnd(said))
  t.after(async () => {
    await end(child)
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  const force = setTimeout(() => child.kill('SIGKILL'), endingMs)
  child.kill()
  await closed
  clearTimeout(force)
}
