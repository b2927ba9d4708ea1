// Runs a task of this repository with its own Node, installing first where needed. Plain JavaScript for Node 20 and
// later, with nothing but the standard library: it runs before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const modules = join(root, 'node_modules')
const stampFile = join(modules, '.setup-stamp')
const pinnedNode = join(modules, '.bin', 'node')
const installingFile = join(root, '.installing')
const testOptions = [
  '--test-reporter=spec',
  '--test-concurrency=2',
  '--test-global-setup=packages/server/src/testing/first-start.ts',
]
const testFiles = ['packages/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/*.test.ts', 'bench/**/*.test.ts']

const tasks = {
  start: (args) => [['packages/cli/src/main.ts', 'start', ...args]],
  check: (args) => [['scripts/check.ts', ...args]],
  generate: (args) => [['scripts/generate.ts', ...args]],
  pack: (args) => [['scripts/pack.ts', ...args]],
  'example:device': (args) => [['examples/device/src/main.ts', ...args]],
  'example:host-metrics': (args) => [['examples/host-metrics/src/main.ts', ...args]],
  'example:worker': (args) => [['examples/worker/src/main.ts', ...args]],
  'bench:telemetry': (args) => [['bench/telemetry/run.ts', ...args]],
  'bench:stream': (args) => [['bench/stream/run.ts', ...args]],
  'bench:commands': (args) => [['bench/commands/run.ts', ...args]],
  'bench:tasks': (args) => [['bench/tasks/run.ts', ...args]],
  test: (args) => [['scripts/check.ts'], ['--test', ...testOptions, ...args, ...(namesFiles(args) ? [] : testFiles)]],
}

const [task, ...args] = process.argv.slice(2)
if (!Object.hasOwn(tasks, task ?? ''))
  stop(`usage: node scripts/setup.mjs ${Object.keys(tasks).join('|')} [arguments]`, 2)
if (Number(process.versions.node.split('.')[0]) < 20)
  stop(`Node ${process.version} is too old: Nexus needs 20 or later.`)

const env = {
  ...process.env,
  UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE || '16',
  // To strip the types of all sources takes a quarter of each start: https://nodejs.org/api/module.html#module-compile-cache
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || join(modules, '.cache', 'compile'),
}
if (!installed()) installOnce()
await run(tasks[task](args))

function namesFiles(args) {
  return args.some((arg) => !arg.startsWith('-'))
}

/** The stamp tells which lock file was installed; without one, an install by hand that is newer than the lock counts. */
function installed() {
  if (!runsPinnedNode()) return false
  if (existsSync(stampFile)) return readFileSync(stampFile, 'utf8') === stamp()
  const record = join(modules, '.package-lock.json')
  return existsSync(record) && statSync(record).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs
}

function stamp() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return `${process.platform} ${process.arch} ${lock}\n`
}

/** Several that start at once install one after another, and all but the first find it done. */
function installOnce() {
  while (!isOurs()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  const over = () => rmSync(installingFile, { force: true })
  process.on('exit', over)
  if (!installed()) install()
  process.off('exit', over)
  over()
}

/** Whether this process installs now. What one left behind that is no more is taken away. */
function isOurs() {
  try {
    writeFileSync(installingFile, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (!isAlive(installer())) rmSync(installingFile, { force: true })
    return false
  }
}

/** 0: it is about to say so. */
function installer() {
  return existsSync(installingFile) ? Number(readFileSync(installingFile, 'utf8')) : 0
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function install() {
  console.error('nexus: installing dependencies (npm ci) ...')
  const npm = npmCommand()
  const { status, error } = spawnSync(npm[0], [...npm.slice(1), 'ci', '--include=dev', '--no-audit', '--no-fund'], {
    cwd: root,
    env: { ...process.env, SCARF_ANALYTICS: 'false' },
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) {
    stop(`npm ci failed (${error?.message ?? `exit code ${status}`}). Is the package registry reachable? Try: npm ci`)
  }
  // The `node` package fetches its binary in an install script, which npm may have been told not to run.
  if (!runsPinnedNode()) {
    const script = join(modules, 'node', 'installArchSpecificPackage.js')
    if (existsSync(script))
      spawnSync(process.execPath, [script], { cwd: join(modules, 'node'), stdio: ['ignore', 2, 2] })
  }
  if (!runsPinnedNode()) stop('The pinned Node (node_modules/.bin/node) does not run here. See the messages above.')
  writeFileSync(stampFile, stamp())
}

function npmCommand() {
  const own = process.env.npm_execpath
  if (own && basename(own).startsWith('npm-cli.')) return [process.execPath, own]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm']
}

function runsPinnedNode() {
  const record = join(modules, 'node', 'package.json')
  if (!existsSync(record) || !existsSync(pinnedNode)) return false
  const { version } = JSON.parse(readFileSync(record, 'utf8'))
  return spawnSync(pinnedNode, ['--version'], { encoding: 'utf8' }).stdout?.trim() === `v${version}`
}

/** Runs one after the other until one fails; ends as the last one ended. */
async function run(commands) {
  for (const command of commands) {
    const { code, signal } = await runOne(command)
    if (signal) return endBy(signal)
    process.exitCode = code
    if (code !== 0) return
  }
}

/**
 * SIGTERM and SIGINT are passed on, each once: npm may repeat what a terminal already sent. From a terminal, SIGINT
 * reaches the child by itself, for it is in the same process group.
 */
function runOne(command) {
  const child = spawn(pinnedNode, command, { cwd: root, env, stdio: 'inherit' })
  const passed = new Set()
  const pass = (signal) => {
    if (passed.has(signal) || (signal === 'SIGINT' && process.stdin.isTTY)) return
    passed.add(signal)
    child.kill(signal)
  }
  process.on('SIGINT', pass).on('SIGTERM', pass)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      process.off('SIGINT', pass).off('SIGTERM', pass)
      resolve({ code, signal })
    })
  })
}

/** Ends by the signal that ended the child, so that a shell sees the same. */
function endBy(signal) {
  process.kill(process.pid, signal)
}

function stop(message, code = 1) {
  console.error(`nexus: ${message}`)
  process.exit(code)
}
