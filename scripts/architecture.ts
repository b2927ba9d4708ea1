import { posix } from 'node:path'
import { environmentReads, importsOf } from './imports.ts'

/** Source texts by path from the root of the repository. */
export type Sources = ReadonlyMap<string, string>

export interface Violation {
  file: string
  line: number
  problem: string
  mend: string
}

const roomOrder = ['events', 'devices', 'telemetry', 'alerts', 'commands', 'tasks', 'ai']
const roomsApart = ['auth', 'audit', 'webhooks']
const rooms = [...roomOrder, ...roomsApart]
const adapters = ['storage', 'bus', 'transports']

/** Layers that a layer of the server may enter, besides itself. Rooms have an order of their own. */
const serverLayers: Record<string, readonly string[]> = {
  core: [],
  work: ['core'],
  config: ['core'],
  observability: ['core', 'config', 'request-stats'],
  'request-stats': [],
  storage: ['core', 'work', ...rooms],
  bus: ['core', 'work', ...rooms],
  transports: ['core', 'work', ...rooms],
  'batch-reader-thread': ['core', ...rooms, ...adapters],
  compose: ['core', 'config', 'observability', 'work', ...rooms, ...adapters],
  main: ['core', 'config', 'compose'],
}

/** Packages that a package may import. */
const packages: Record<string, readonly string[]> = {
  contract: [],
  server: ['contract'],
  sdk: ['contract'],
  cli: ['sdk', 'contract'],
  web: ['sdk', 'contract'],
  examples: ['sdk', 'contract', 'example-host-metrics'],
}

const drivers =
  /^(kysely|pg|node:sqlite|chdb|@chdb\/.*|@clickhouse\/client|redis|@redis\/.*|ioredis|nats|@nats-io\/.*)(\/|$)/
const transportLibraries = /^(fastify|@fastify\/.*|ws|@grpc\/.*)(\/|$)/

/**
 * The rules of "Who may import whom", for packages and examples. Tests and test support (`*.test.ts`, `suite.ts`,
 * `testing/`) are exempt, as are scripts and benchmarks: they stand outside and may look at everything.
 */
export function violationsOf(sources: Sources): Violation[] {
  const bound = [...sources].filter(([file]) => /^(packages|examples)\//.test(file) && !isTest(file))
  return bound.flatMap(([file, source]) => violationsIn(file, source))
}

export function isTest(file: string): boolean {
  return /\.test\.ts$|(^|\/)suite\.ts$|\/testing\//.test(file)
}

function violationsIn(file: string, source: string): Violation[] {
  const found: Violation[] = []
  for (const { specifier, typeOnly, line } of importsOf(source)) {
    const fault = libraryFault(file, specifier) ?? projectFault(file, specifier, typeOnly)
    if (fault) found.push({ file, line, ...fault })
  }
  if (
    !['packages/server/src/main.ts', 'packages/server/src/config.ts'].includes(file) &&
    place(file).package === 'server'
  ) {
    for (const line of environmentReads(source)) {
      const mend = 'add a key to config/config-keys.ts and pass its value in'
      found.push({ file, line, problem: 'reads process.env outside main.ts and config.ts', mend })
    }
  }
  return found
}

type Fault = Pick<Violation, 'problem' | 'mend'>

function libraryFault(file: string, specifier: string): Fault | undefined {
  const { package: name, layer } = place(file)
  const inServer = (layers: string[]) => name === 'server' && layers.includes(layer)
  if (drivers.test(specifier) && !inServer(['storage', 'bus'])) {
    return {
      problem: `imports the driver ${specifier} outside storage/ and bus/`,
      mend: 'ask for it through a port of the room, and implement that in storage/ or bus/',
    }
  }
  if (transportLibraries.test(specifier) && !inServer(['transports'])) {
    return {
      problem: `imports ${specifier} outside transports/`,
      mend: 'keep protocols in transports/; a verb takes input and gives output',
    }
  }
  return undefined
}

function projectFault(file: string, specifier: string, typeOnly: boolean): Fault | undefined {
  const target = resolved(file, specifier)
  if (target === undefined) return undefined
  const from = place(file)
  const to = place(target)
  if (from.package !== to.package)
    return packageFault(from.package, to.package) ?? weightFault(from.package, to.package, typeOnly)
  if (from.package !== 'server' || from.layer === to.layer) return undefined
  return layerFault(from.layer, to, typeOnly)
}

function packageFault(from: string, to: string): Fault | undefined {
  if (packages[from]?.includes(to)) return undefined
  const mend =
    to === 'server'
      ? 'talk to the server through the sdk, or start it as a process'
      : `${from} may import: ${packages[from]?.join(', ') || 'nothing'}`
  return { problem: `${from} imports ${to}`, mend }
}

/** The contract's code comes with a library of schemas, which no page is to load. */
function weightFault(from: string, to: string, typeOnly: boolean): Fault | undefined {
  if (from !== 'sdk' || to !== 'contract' || typeOnly) return undefined
  return {
    problem: 'sdk imports code of the contract',
    mend: 'use `import type`; what is needed at run time goes into contract-data.ts by scripts/contract-data-text.ts',
  }
}

function layerFault(from: string, to: Place, typeOnly: boolean): Fault | undefined {
  if (!(from in serverLayers) && !rooms.includes(from)) {
    return {
      problem: `${from} has no place in the architecture`,
      mend: 'move it into a room or a layer, or add it to the table in scripts/architecture.ts',
    }
  }
  const allowed = serverLayers[from] ?? enterable(from)
  if (!allowed.includes(to.layer)) {
    return {
      problem: `${from} imports ${to.layer}`,
      mend: `${from} may import: ${allowed.join(', ') || 'nothing'}; take what it needs as a dependency, and join them in compose.ts`,
    }
  }
  if (!rooms.includes(to.layer)) return undefined
  const adapter = from === 'storage' || from === 'bus'
  if (adapter && !typeOnly) {
    return {
      problem: `${from} imports code of the room ${to.layer}`,
      mend: "use `import type`: storage and bus know the rooms' port types only",
    }
  }
  const door = to.inner === 'index.ts' || (adapter && to.inner === 'ports.ts')
  return door
    ? undefined
    : {
        problem: `enters the room ${to.layer} through ${to.inner}`,
        mend: `import from ${to.layer}/index.ts, and export it there`,
      }
}

/** Rooms know core, work and the rooms before them; those that stand apart know no room. */
function enterable(room: string): string[] {
  return ['core', 'work', ...roomOrder.slice(0, Math.max(0, roomOrder.indexOf(room)))]
}

interface Place {
  package: string
  /** The first folder under `src`, or the name of a file that stands there. */
  layer: string
  /** The path inside the layer. */
  inner: string
}

function place(file: string): Place {
  const parts = file.split('/')
  if (parts[0] !== 'packages') return { package: parts[0]!, layer: '', inner: file }
  return { package: parts[1]!, layer: (parts[3] ?? '').replace(/\.ts$/, ''), inner: parts.slice(4).join('/') }
}

/** The file or package that a specifier means; undefined for a library. */
function resolved(file: string, specifier: string): string | undefined {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(file), specifier))
  const own = /^@nexus\/([^/]+)(?:\/(.*))?$/.exec(specifier)
  return own ? `packages/${own[1]}/${own[2] ?? 'src/index.ts'}` : undefined
}
