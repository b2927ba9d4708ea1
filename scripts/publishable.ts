import { spawn } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

/** A package as npm would publish it. */
export interface Packed {
  name: string
  tarball: string
}

interface Manifest {
  name: string
  version: string
  exports: Record<string, string>
  dependencies?: Record<string, string>
  [more: string]: unknown
}

const root = fileURLToPath(new URL('..', import.meta.url))
/** Those that are published; each may depend on those before it. */
const publishable = ['contract', 'sdk']
const ofTests = /(\.test(-d)?\.ts|[\\/]testing)$/

/**
 * Builds the packages that are published and packs them into `folder`. In the workspace they run from their sources,
 * which Node refuses inside of node_modules; what is packed is JavaScript with types, compiled against what is packed of
 * the packages that it depends on, and without Node's types: it is for browsers too.
 */
export async function packPublishable(folder: string): Promise<Packed[]> {
  const stage = join(folder, 'stage')
  rmSync(stage, { recursive: true, force: true })
  const packed: Packed[] = []
  for (const name of publishable) {
    const manifest = layOut(join(root, 'packages', name), join(stage, name))
    linkDependencies(stage, manifest)
    await run(join(stage, name), process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'])
    rmSync(join(stage, name, 'tsconfig.json'))
    rewriteDeclarations(join(stage, name, 'dist'))
    packed.push({ name: manifest.name, tarball: await pack(join(stage, name), folder) })
  }
  rmSync(stage, { recursive: true })
  return packed
}

/** Everything of a package but what is compiled. */
function layOut(from: string, to: string): Manifest {
  mkdirSync(to, { recursive: true })
  cpSync(join(from, 'src'), join(to, 'src'), { recursive: true, filter: (file) => !ofTests.test(file) })
  cpSync(join(from, 'README.md'), join(to, 'README.md'))
  cpSync(join(root, 'LICENSE'), join(to, 'LICENSE'))
  const manifest = publishedManifest(JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')))
  writeJson(join(to, 'package.json'), manifest)
  writeJson(join(to, 'tsconfig.json'), {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      ...{ rootDir: 'src', outDir: 'dist', noEmit: false, rewriteRelativeImportExtensions: true },
      ...{ declaration: true, declarationMap: true, sourceMap: true },
      ...{ types: [], lib: ['ES2024', 'DOM', 'DOM.Iterable'], skipLibCheck: false },
    },
    include: ['src'],
  })
  return manifest
}

/** Puts a package under its name into a `node_modules`. */
export async function unpack({ name, tarball }: Packed, modules: string): Promise<void> {
  const target = join(modules, name)
  mkdirSync(target, { recursive: true })
  await run(target, 'tar', ['-xzf', tarball, '--strip-components=1'])
}

/** The workspace's manifest, with what is compiled instead of the sources, and without what is of use here alone. */
function publishedManifest(manifest: Manifest): Manifest {
  const { private: _private, scripts: _scripts, devDependencies: _dev, ...kept } = manifest
  const exports = Object.entries(manifest.exports).map(([path, source]) => {
    const target = source.replace(/^\.\/src\/(.*)\.ts$/, './dist/$1')
    return [path, { types: `${target}.d.ts`, default: `${target}.js` }]
  })
  return { ...kept, exports: Object.fromEntries(exports), files: ['dist', 'src'] } as Manifest
}

/**
 * tsc rewrites `./a.ts` in JavaScript alone (https://github.com/microsoft/TypeScript/issues/61037): it finds the types all
 * the same, but other tools don't.
 */
function rewriteDeclarations(dist: string): void {
  for (const name of globSync('**/*.d.ts', { cwd: dist })) {
    const file = join(dist, name)
    const rewritten = readFileSync(file, 'utf8').replaceAll(/(["'])(\.\.?\/[^"']+)\.ts\1/g, '$1$2.js$1')
    writeFileSync(file, rewritten)
  }
}

/** Beside the packages, as npm would install them: our own as they are packed, others from the repository. */
function linkDependencies(stage: string, { dependencies = {} }: Manifest): void {
  for (const name of Object.keys(dependencies)) {
    const link = join(stage, 'node_modules', name)
    if (existsSync(link)) continue
    mkdirSync(dirname(link), { recursive: true })
    const own = /^@nexus\/(.*)/.exec(name)
    symlinkSync(own ? join(stage, own[1]!) : join(root, 'node_modules', name), link, 'junction')
  }
}

async function pack(from: string, into: string): Promise<string> {
  const printed = await run(from, ...npm(['pack', '--json', '--ignore-scripts', '--pack-destination', into]))
  const [{ filename }] = JSON.parse(printed) as [{ filename: string }]
  return join(into, filename)
}

/** Npm as it is running this, if it is; else the one that the shell finds. */
export function npm(args: string[]): [command: string, args: string[]] {
  const own = process.env.npm_execpath
  return own && basename(own).startsWith('npm-cli.') ? [process.execPath, [own, ...args]] : ['npm', args]
}

/** What a command printed. Errors: what it said, when it failed. */
export async function run(cwd: string, command: string, args: string[]): Promise<string> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${out}${err}`)
  return out
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
}
