import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startTestNexus, testFolder } from '../packages/server/src/testing/nexus.ts'
import { assignmentsOf, comparable, type Snippet, snippetsOf } from './docs-snippets.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const guides = [
  'README.md',
  ...[
    'telemetry',
    'devices',
    'events',
    'websocket',
    'commands',
    'rollouts',
    'tasks',
    'schedules',
    'webhooks',
    'operating',
  ].map((name) => `docs/guides/${name}.md`),
  'packages/sdk/README.md',
]

const withoutCurl = process.env.CI !== 'true' && spawnSync('curl', ['--version']).error && 'there is no curl here'

for (const guide of guides) {
  test(`what ${guide} tells a reader to run works, and answers as it says`, { skip: withoutCurl }, async (t) => {
    const snippets = snippetsOf(guide, readFileSync(join(root, guide), 'utf8'))
    assert.ok(snippets.length > 0)
    const reader = await startReader(t)
    for (const snippet of snippets) {
      const { printed, code } = await reader.run(snippet)
      const where = `${guide}:${snippet.line}`
      assert.equal(code, 0, `${where} fails:\n${printed}`)
      if (!snippet.answer) continue
      const { language, text: expected } = snippet.answer
      assert.deepEqual(comparable(language, printed), comparable(language, expected), `${where} answers otherwise`)
    }
  })
}

test('a command and its answer are found, what is only shown is not, and an answer that differs is told', () => {
  const fence = (language: string, text: string) => `\`\`\`${language}\n${text}\n\`\`\`\n`
  const markdown = [
    fence('console', 'a'),
    fence('sh', 'b'),
    fence('json', '{}'),
    fence('sh', 'c'),
    'so',
    fence('csv', 'd'),
  ]
  const snippets = snippetsOf('a.md', markdown.join('\n'))
  assert.deepEqual(
    snippets.map(({ line, text: command, answer }) => [line, command, answer?.text]),
    [
      [5, 'b', '{}'],
      [13, 'c', undefined],
    ],
  )
  const frame = (id: string, at: string, n: number) => comparable('json', JSON.stringify({ id, at, n }))
  const written = frame('frame-73e2c410c086709000000', '2026-11-23T06:22:42.621Z', 1)
  assert.deepEqual(frame('frame-00002410c08670900000f', '2031-01-01T00:00:00Z', 1), written)
  assert.notDeepEqual(frame('frame-73e2c410c086709000000', '2025-11-23T06:22:42.621Z', 1), written)
  assert.notDeepEqual(frame('frame-73e2c410c086709000000', '2026-11-23T06:22:42.621Z', 2), written)
})

test('every relative link in the documents leads to a file, and to a heading of it', () => {
  const files = [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...globSync('{docs,bench,examples,packages}/**/*.md', { cwd: root }),
  ]
  for (const file of files.filter((name) => !name.includes('node_modules'))) {
    const markdown = readFileSync(join(root, file), 'utf8')
    for (const [, target = ''] of markdown.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', heading] = target.split('#')
      const full = path === '' ? join(root, file) : join(root, dirname(file), path)
      assert.ok(existsSync(full), `${file} links to ${target}, which is not there`)
      if (heading) assert.ok(headingsOf(readFileSync(full, 'utf8')).includes(heading), `${file}: no heading ${target}`)
    }
  }
})

test('every path that a decision names as its confirmation is there', () => {
  const decisions = globSync('docs/decisions/[0-9]*.md', { cwd: root })
  assert.ok(decisions.length > 0)
  for (const file of decisions) {
    const [, confirmation = ''] = readFileSync(join(root, file), 'utf8').split('## Confirmation')
    const paths = [...confirmation.matchAll(/`((?:packages|scripts|bench|docs|examples)\/[^`]*\.\w+)`/g)]
    assert.ok(paths.length > 0, `${file} names no test or check under Confirmation`)
    for (const [, path] of paths) assert.ok(existsSync(join(root, path!)), `${file} names ${path}, which is not there`)
  }
})

/** Somebody who follows a guide: a terminal in a folder that looks like this repository, beside a server of its own. */
async function startReader(t: TestContext) {
  const folder = testFolder(t)
  const data = join(folder, 'data')
  mkdirSync(data)
  for (const name of ['package.json', 'node_modules', 'packages', 'examples', 'scripts'])
    symlinkSync(join(root, name), join(folder, name))
  const nexus = await startTestNexus(t, { dataDir: data, webhookAllowCidrs: ['127.0.0.1'] })
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env
  const env = { ...inherited, NEXUS_URL: nexus.url, NEXUS_API_KEY: nexus.key, NEXUS_DATA_DIR: data, NO_COLOR: '1' }
  const kept: string[] = []
  let count = 0

  const run = async ({ language, text: written }: Snippet) => {
    const source = written.replaceAll('127.0.0.1:8420', new URL(nexus.url).host)
    const command = language === 'ts' ? [process.execPath, [script(source)]] : ['sh', ['-euc', shell(source)]]
    const child = spawn(command[0] as string, command[1] as string[], {
      cwd: folder,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
    if (language === 'sh') kept.push(...assignmentsOf(source))
    return { printed: code === 0 ? out : out + err, code }
  }
  // A request that is refused fails its snippet, unless the snippet says that it will be.
  const shell = (source: string) => {
    const strict = source.includes('# refused') ? '' : '--fail-with-body'
    return [`curl() { command curl --silent --show-error ${strict} "$@"; }`, ...kept, source].join('\n')
  }
  const script = (source: string) => {
    const file = join(folder, `snippet-${count++}.ts`)
    writeFileSync(file, source)
    return file
  }
  return { run }
}

/** As GitHub names them: lower case, blanks as dashes, without punctuation. */
function headingsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}
