import { parseArgs } from 'node:util'
import { type ApiKey, formatKey, newKeyParts, type Output, scopes } from '@nexus/contract'
import { clientOf } from './client.ts'
import { printable } from './printable.ts'
import { UsageError, type World } from './world.ts'

const shared = {
  url: { type: 'string' },
  key: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** `nexus keys ...`; `args` is what follows `keys`. */
export function keysCommand(args: readonly string[], world: World): Promise<void> {
  const [verb, ...rest] = args
  switch (verb) {
    case 'generate':
      return generate(rest, world)
    case 'create':
      return create(rest, world)
    case 'list':
      return list(rest, world)
    case 'revoke':
      return revoke(rest, world)
    case 'rotate':
      return rotate(rest, world)
    default:
      throw new UsageError('keys takes one of generate, create, list, revoke, rotate')
  }
}

async function generate(args: string[], world: World): Promise<void> {
  const { values } = parseArgs({ args, options: { json: shared.json } })
  const { id, secret } = newKeyParts(world.randomBytes)
  const key = formatKey(id, secret)
  world.out(values.json ? json({ key }) : `${key}\n`)
}

async function create(args: string[], world: World): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      ...shared,
      name: { type: 'string' },
      scope: { type: 'string', multiple: true },
      'expires-at': { type: 'string' },
      'device-id': { type: 'string' },
      'agent-id': { type: 'string' },
      'allow-cidr': { type: 'string', multiple: true },
    },
  })
  if (values.name === undefined) throw new UsageError('keys create needs --name')
  if (values.scope === undefined) throw new UsageError(`keys create needs --scope: ${scopes.join(', ')}`)
  const created = await clientOf(values, world).auth.keys.create({
    name: values.name,
    scopes: values.scope.flatMap((listed) => listed.split(',')).map(knownScope),
    ...(values['expires-at'] !== undefined && { expires_at: values['expires-at'] }),
    ...(values['device-id'] !== undefined && { device_id: values['device-id'] }),
    ...(values['agent-id'] !== undefined && { agent_id: values['agent-id'] }),
    ...(values['allow-cidr'] !== undefined && { allowed_cidrs: values['allow-cidr'] }),
  })
  showSecret(created, values.json, world)
}

async function list(args: string[], world: World): Promise<void> {
  const { values } = parseArgs({ args, options: shared })
  const client = clientOf(values, world)
  const keys: ApiKey[] = []
  let cursor: string | undefined
  do {
    const page: Output<'auth.keys.list'> = await client.auth.keys.list(cursor === undefined ? {} : { cursor })
    keys.push(...page.keys)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  if (values.json) return world.out(json({ keys }))
  const rows = keys.map((key) => [
    key.key_id,
    key.name,
    key.scopes.join(','),
    key.last_used_at ?? 'never used',
    state(key),
  ])
  world.out(table(rows))
}

async function revoke(args: string[], world: World): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: shared, allowPositionals: true })
  const id = oneId(positionals, 'revoke')
  await clientOf(values, world).auth.keys.revoke({ key_id: id })
  world.out(values.json ? json({ key_id: id, revoked: true }) : `revoked ${id}\n`)
}

async function rotate(args: string[], world: World): Promise<void> {
  const options = { ...shared, grace: { type: 'string' } } as const
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
  const id = oneId(positionals, 'rotate')
  const grace = values.grace === undefined ? {} : { grace: values.grace }
  showSecret(await clientOf(values, world).auth.keys.rotate({ key_id: id, ...grace }), values.json, world)
}

function oneId(positionals: string[], verb: string): string {
  const [id, ...more] = positionals
  if (!id || more.length > 0) throw new UsageError(`keys ${verb} needs one key_id`)
  return id
}

function knownScope(scope: string): (typeof scopes)[number] {
  const known = scopes.find((one) => one === scope)
  if (known === undefined) throw new UsageError(`there is no scope '${scope}': ${scopes.join(', ')}`)
  return known
}

/** The key alone goes to the output, so that it can be piped; what is said of it goes beside. */
function showSecret(created: Output<'auth.keys.create'>, asJson: boolean, world: World): void {
  if (asJson) {
    world.out(json(created))
    return
  }
  world.err(`${printable(created.key_id)} (${printable(created.name)}): shown once, keep it now\n`)
  world.out(`${created.key}\n`)
}

function state(key: ApiKey): string {
  if (key.revoked_at !== null) return `revoked ${key.revoked_at}`
  return key.expires_at === null ? 'active' : `until ${key.expires_at}`
}

function table(rows: string[][]): string {
  const clean = rows.map((row) => row.map(printable))
  const widths = clean.reduce<number[]>((max, row) => row.map((cell, i) => Math.max(max[i] ?? 0, cell.length)), [])
  return clean
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
