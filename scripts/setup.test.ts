import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** A repository with the real setup.mjs, this Node as the pinned one, and an npm that records that it ran. */
function repository(t: TestContext, main: string) {
  const root = mkdtempSync(join(tmpdir(), 'nexus-setup-'))
  t.after(() => rmSync(root, { recursive: true }))
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  mkdirSync(join(root, 'scripts'))
  copyFileSync(fileURLToPath(new URL('setup.mjs', import.meta.url)), join(root, 'scripts/setup.mjs'))
  write('package-lock.json', '{}')
  write('package.json', '{"type": "module"}')
  write('packages/cli/src/main.ts', main)
  write('npm-cli.cjs', `require('fs').writeFileSync('npm-ran', process.argv.slice(2).join(' '))`)
  const install = () => {
    write('node_modules/node/package.json', JSON.stringify({ version: process.versions.node }))
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true })
    symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'))
    write('node_modules/.package-lock.json', '{}')
  }
  return { root, write, install, npmRan: () => existsSync(join(root, 'npm-ran')) }
}

function setup(root: string, args: string[], env: Record<string, string> = {}) {
  const { UV_THREADPOOL_SIZE: _, NODE_TEST_CONTEXT: __, ...rest } = process.env
  const child = spawn(process.execPath, ['scripts/setup.mjs', ...args], {
    cwd: root,
    env: { ...rest, npm_execpath: join(root, 'npm-cli.cjs'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    printed.err += text
  })
  return { child, printed, ended: once(child, 'close') as Promise<[number | null, string | null]> }
}

test('a task gets its arguments and a sized thread pool, and its exit code is passed on', async (t) => {
  const main = `console.log(process.argv.slice(2).join(' '), process.env.UV_THREADPOOL_SIZE); process.exit(7)`
  const { root, install, npmRan } = repository(t, main)
  install()
  const { printed, ended } = setup(root, ['start', '--config', 'a b.yaml'])
  assert.deepEqual(await ended, [7, null], printed.err)
  assert.equal(printed.out, 'start --config a b.yaml 16\n')
  assert.equal(npmRan(), false)
})

for (const [signal, other] of [
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
] as const) {
  test(`${signal} reaches the task once, however often it is sent, and setup waits for the task to end`, async (t) => {
    const main = `
      let count = 0
      process.on('${signal}', () => { count++; console.log('got') })
      process.on('${other}', () => { console.log('count', count); process.exit(3) })
      setInterval(() => {}, 1000)
      console.log('ready')`
    const { root, install } = repository(t, main)
    install()
    const { child, printed, ended } = setup(root, ['start'])
    while (!printed.out.includes('ready')) await once(child.stdout, 'data')
    child.kill(signal)
    while (!printed.out.includes('got')) await once(child.stdout, 'data')
    child.kill(signal)
    child.kill(other)
    assert.deepEqual(await ended, [3, null])
    assert.match(printed.out, /count 1/)
  })
}

test('without an install npm ci runs, and its failure is told and stops everything', async (t) => {
  const { root, npmRan } = repository(t, `console.log('started')`)
  const { printed, ended } = setup(root, ['start'])
  assert.deepEqual(await ended, [1, null])
  assert.equal(npmRan(), true)
  assert.match(printed.err, /installing dependencies[\s\S]*pinned Node/)
  assert.equal(printed.out, '')
})

test('npm that fails is named with its exit code', async (t) => {
  const { root, write } = repository(t, `console.log('started')`)
  write('npm-cli.cjs', 'process.exit(9)')
  const { printed, ended } = setup(root, ['start'])
  assert.deepEqual(await ended, [1, null])
  assert.match(printed.err, /npm ci failed \(exit code 9\)/)
})

test('an install that is older than the lock file is done again, once', async (t) => {
  const { root, install, npmRan } = repository(t, `console.log('started')`)
  install()
  utimesSync(join(root, 'node_modules/.package-lock.json'), 1, 1)
  assert.deepEqual(await setup(root, ['start']).ended, [0, null])
  assert.equal(npmRan(), true)
  rmSync(join(root, 'npm-ran'))
  assert.deepEqual(await setup(root, ['start']).ended, [0, null])
  assert.equal(npmRan(), false)
})

/** An npm that installs, and counts how often. */
const installing = `const { appendFileSync, mkdirSync, symlinkSync, writeFileSync } = require('fs')
  appendFileSync('npm-ran', 'x')
  mkdirSync('node_modules/.bin', { recursive: true })
  mkdirSync('node_modules/node')
  symlinkSync(process.execPath, 'node_modules/.bin/node')
  writeFileSync('node_modules/node/package.json', JSON.stringify({ version: process.versions.node }))`

test('of several that start at once the first installs, and all start', async (t) => {
  const { root, write } = repository(t, `console.log('started')`)
  write('npm-cli.cjs', installing)
  for (const { printed, ended } of [1, 2, 3].map(() => setup(root, ['start']))) {
    assert.deepEqual(await ended, [0, null], printed.err)
    assert.equal(printed.out, 'started\n')
  }
  assert.equal(readFileSync(join(root, 'npm-ran'), 'utf8'), 'x')
  assert.equal(existsSync(join(root, '.installing')), false)
})

test('an install that was killed holds up no other', async (t) => {
  const { root, write } = repository(t, `console.log('started')`)
  write('npm-cli.cjs', installing)
  const { pid: gone } = spawnSync(process.execPath, ['--version'])
  write('.installing', String(gone))
  assert.deepEqual(await setup(root, ['start']).ended, [0, null])
})

test('an unknown task is a usage error', async (t) => {
  const { root } = repository(t, '')
  for (const args of [[], ['strat'], ['toString']]) assert.deepEqual(await setup(root, args).ended, [2, null])
})

test('the scripts of npm replace their shell, which would not pass a signal on', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  for (const task of ['start', 'test', 'check', 'generate']) assert.match(scripts[task], /^exec node /, task)
})
