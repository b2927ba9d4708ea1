import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { snippetsOf } from './docs-snippets.ts'
import { importsOf } from './imports.ts'
import { npm, packPublishable, run, unpack } from './publishable.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'nexus-pack-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const packed = await packPublishable(folder)

/** As `npm install` leaves it, without a registry: our packages as they are packed, others from the repository. */
const consumer = join(folder, 'consumer')
const modules = join(consumer, 'node_modules')
for (const one of packed) await unpack(one, modules)
for (const name of ['typebox', '@types/node', 'undici-types']) {
  mkdirSync(dirname(join(modules, name)), { recursive: true })
  symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction')
}
writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }')

for (const { name, tarball } of packed) {
  test(`publint finds nothing to mend in ${name}`, async () => {
    const { buffer, byteOffset, byteLength } = readFileSync(tarball)
    const { messages, pkg } = await publint({ pack: { tarball: buffer.slice(byteOffset, byteOffset + byteLength) } })
    deepEqual(
      messages.map((message) => formatMessage(message, pkg)),
      [],
    )
  })

  test(`the types of ${name} are right for all who can import it (attw)`, async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
    ok(analysis.types !== false, 'there are no types')
    // ES modules alone: TypeScript's old resolution reads no `exports`, and `require` of one is up to its caller.
    const esmOnly = (problem: object) =>
      !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(String(problem.resolutionKind)))
    deepEqual(analysis.problems.filter(esmOnly), [])
  })

  test(`${name} holds its licence, its readme and what its maps lead to, and no tests`, () => {
    const files = globSync('**/*', { cwd: join(modules, name) })
    for (const file of ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts'])
      ok(files.includes(file), file)
    deepEqual(
      files.filter((file) => /test|stub|tsconfig/.test(file)),
      [],
    )
    for (const map of files.filter((file) => file.endsWith('.map'))) {
      const { sources } = JSON.parse(readFileSync(join(modules, name, map), 'utf8')) as { sources: string[] }
      for (const source of sources) ok(existsSync(join(modules, name, dirname(map), source)), `${map}: ${source}`)
    }
    const manifest = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'))
    deepEqual([manifest.private, manifest.scripts, manifest.sideEffects], [undefined, undefined, false])
  })
}

test('the SDK loads nothing but itself', () => {
  const dist = join(modules, '@nexus/sdk/dist')
  const imported = globSync('*.js', { cwd: dist }).flatMap((file) => importsOf(readFileSync(join(dist, file), 'utf8')))
  ok(imported.length > 5)
  deepEqual(
    imported.filter(({ specifier }) => !specifier.startsWith('./')),
    [],
  )
})

const program = `
import { errorTable, operations } from '@nexus/contract'
import { createClient, type NexusClient, NexusError, type StreamedEvent } from '@nexus/sdk'

const client: NexusClient = createClient({ url: 'http://127.0.0.1:9', apiKey: 'k', retry: false })
export async function pressureOf(device: string): Promise<number> {
  const { devices } = await client.telemetry.latest({ device_id: device })
  return Number(devices[0]?.metrics.pressure?.value)
}
export const shown = (event: StreamedEvent): string =>
  event.type === 'stream.gap' ? event.data.first_available : event.id
// @ts-expect-error: a frame has a device
export const faulty = () => client.telemetry.frames.send({ metrics: { a: 1 } })

const failure = await client.telemetry.metrics().catch((error: unknown) => error)
if (!(failure instanceof NexusError)) throw failure
console.log(failure.code, errorTable[failure.code].http, Object.keys(operations).length > 10)
`

test('who installs the packages runs them with Node', async () => {
  writeFileSync(join(consumer, 'program.ts'), program)
  equal(await run(consumer, process.execPath, ['program.ts']), 'SERVICE_UNAVAILABLE 503 true\n')
})

/** What the SDK's readme shows, each piece a file. */
const shown = snippetsOf('README.md', readFileSync(join(modules, '@nexus/sdk/README.md'), 'utf8')).map(
  ({ text }, i): [file: string, text: string] => [`readme-${i}.ts`, text],
)
const settings: [where: string, options: object, files: [file: string, text: string][]][] = [
  ['Node', { module: 'nodenext', lib: ['ES2024'], types: ['node'] }, shown],
  ['a bundler', { module: 'esnext', moduleResolution: 'bundler', lib: ['ES2024', 'DOM'], types: [] }, []],
]
for (const [where, options, files] of settings) {
  test(`who writes strict TypeScript for ${where} gets types without a fault in them`, async () => {
    for (const [file, text] of [...files, ['program.ts', program] as const]) writeFileSync(join(consumer, file), text)
    const compilerOptions = { strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false }
    const config = {
      compilerOptions: { ...compilerOptions, target: 'ES2024', ...options },
      files: ['program.ts', ...files.map(([file]) => file)],
    }
    writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config))
    await run(consumer, process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])
  })
}

test('packing a package of the workspace as it is there is refused, for its exports are sources', async () => {
  for (const name of ['contract', 'sdk']) {
    const here = join(root, 'packages', name)
    await rejects(run(here, ...npm(['pack', '--dry-run'])), /npm run pack/)
    match(readFileSync(join(here, 'package.json'), 'utf8'), /"private": true/)
  }
})
