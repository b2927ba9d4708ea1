import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Violation, violationsOf } from './architecture.ts'
import { generatedFiles } from './generated-files.ts'
import { lockGaps } from './lock-rules.ts'
import { readSources } from './sources.ts'
import { styleViolationsOf } from './style-rules.ts'

/** One part of the gate. */
export interface Step {
  name: string
  /** What to do when it fails. */
  mend: string
  /** What is wrong, in lines; empty: nothing. */
  run(): Promise<string>
}

export const root = fileURLToPath(new URL('..', import.meta.url))
const sourcePatterns = ['packages/*/src/**/*.ts', 'examples/*/src/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.{ts,mjs}']

export const steps: Step[] = [
  {
    name: 'format and lint (biome)',
    mend: 'npm run format; what stays is for you to settle',
    run: () => tool('node_modules/@biomejs/biome/bin/biome', ['check', '--colors=off', '--error-on-warnings', '.']),
  },
  {
    name: 'types (tsc)',
    mend: 'mend the types; do not cast them away',
    run: () => tool('node_modules/typescript/bin/tsc', ['-p', '.', '--pretty', 'false']),
  },
  {
    name: 'architecture',
    mend: 'each line names its mend; the rules are in scripts/architecture.ts',
    run: async () => shown(violationsOf(readSources(root, sourcePatterns))),
  },
  {
    name: 'style',
    mend: 'each line names its mend; the rules are in scripts/style-rules.ts',
    run: async () => shown(styleViolationsOf(readSources(root, sourcePatterns))),
  },
  {
    name: 'lock file',
    mend: 'npm install against a registry that has every platform; or add the entry by hand, with version, os and cpu',
    run: async () => lockGaps(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))).join('\n'),
  },
  { name: 'generated files', mend: 'npm run generate, and commit what changed', run: async () => staleFiles(root) },
  {
    name: 'OpenAPI and AsyncAPI documents (redocly)',
    mend: 'mend the operation or the message in packages/contract, then npm run generate',
    run: () => lintDocuments(join(root, 'docs/openapi.json'), join(root, 'docs/asyncapi.json')),
  },
]

/** Names the generated files under a folder that differ from what the code says now. */
export function staleFiles(folder: string): string {
  const stale = [...generatedFiles()].filter(([path, text]) => {
    const file = join(folder, path)
    return !existsSync(file) || readFileSync(file, 'utf8') !== text
  })
  return stale.map(([path]) => `${path} is stale`).join('\n')
}

/** Lints documents by Redocly's recommended rules; only errors count. Nothing is sent anywhere. */
export function lintDocuments(...files: string[]): Promise<string> {
  return tool('node_modules/@redocly/cli/bin/cli.js', ['lint', '--extends=recommended', '--format=stylish', ...files], {
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  })
}

export function shown(violations: Violation[]): string {
  return violations.map(({ file, line, problem, mend }) => `${file}:${line} ${problem}\n    mend: ${mend}`).join('\n')
}

/** Runs a tool's JavaScript under this Node; what it printed, when it failed. */
function tool(script: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => printed.push(chunk))
  child.on('error', reject)
  child.on('close', (code) =>
    resolve(code === 0 ? '' : Buffer.concat(printed).toString().trim() || `exited with ${code}`),
  )
  return promise
}
