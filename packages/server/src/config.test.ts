import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatKey, rateDefaults } from '@nexus/contract'
import { configCommand } from './config/config-command.ts'
import { configNames, envName } from './config/config-keys.ts'
import { configDefaultText, configDocText } from './config/config-text.ts'
import { ConfigError, loadConfig } from './config.ts'

const adminKey = formatKey('A'.repeat(12), 'B'.repeat(43))

function load(env: Record<string, string>, files: Record<string, string> = {}, args: string[] = []) {
  return loadConfig({ env, args, readFile: (path) => files[path] })
}

function faultsOf(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.faults.map((fault) => `${fault.key} ${fault.issue}`)
  }
  return assert.fail('the configuration was accepted')
}

test('with nothing given, every key takes its default', () => {
  const config = load({})
  assert.equal(config.host, '127.0.0.1')
  assert.equal(config.port, 8420)
  assert.equal(config.dataDir, './data')
  assert.equal(config.adminKey, undefined)
  assert.equal(config.queryCacheMb, 256)
  assert.deepEqual(config.rateLimits, rateDefaults)
})

test('the environment wins over the file, and the file over the default', () => {
  const config = load({ NEXUS_PORT: '1' }, { 'nexus.yaml': 'port: 2\nlog_level: debug\n' })
  assert.deepEqual([config.port, config.logLevel, config.host], [1, 'debug', '127.0.0.1'])
})

test('an empty variable counts as unset', () => {
  assert.equal(load({ NEXUS_PORT: '', NEXUS_TLS_CERT: '' }).port, 8420)
})

test('keys in the file may nest wherever an underscore stands', () => {
  const file =
    'query: { cache_mb: 64, timeout_seconds: 5 }\ntls:\n  cert: a.pem\n  key: b.pem\nrate_limits: { ai: 7 }\n'
  const config = load({}, { 'nexus.yaml': file })
  assert.deepEqual([config.queryCacheMb, config.queryTimeoutSeconds, config.tlsCert], [64, 5, 'a.pem'])
  assert.deepEqual(config.rateLimits, { ...rateDefaults, ai: 7 })
})

test('every fault is reported at once: bad values, unknown keys, unknown variables', () => {
  const file = 'prot: 1\nlog_level: loud\nquery: { cache_mb: x }\n'
  const faults = faultsOf(() =>
    load({ NEXUS_PORT: '70000', NEXUS_DATADIR: 'x', NEXUS_RATE_LIMITS: 'tele=1' }, { 'nexus.yaml': file }, [
      '--verbose',
    ]),
  )
  assert.deepEqual(faults.toSorted(), [
    '--verbose is not a known argument; there is --config <file>',
    'NEXUS_DATADIR is not a known variable; did you mean NEXUS_DATA_DIR?',
    'NEXUS_PORT must be between 0 and 65535',
    "NEXUS_RATE_LIMITS knows no bucket 'tele': use telemetry, command, task, ai, work, other",
    'nexus.yaml: log_level must be one of fatal, error, warn, info, debug, trace, silent',
    'nexus.yaml: prot is not a known key; did you mean port?',
    'nexus.yaml: query_cache_mb must be a whole number',
  ])
})

test('variables of the tests and of the client commands are left alone', () => {
  load({ NEXUS_TEST_POSTGRES: 'x', NEXUS_URL: 'http://localhost', NEXUS_API_KEY: 'k', PATH: '/bin' })
})

test('what Kubernetes says of a service named nexus is no configuration', () => {
  const links = {
    NEXUS_PORT: 'tcp://10.0.0.1:80',
    NEXUS_SERVICE_HOST: '10.0.0.1',
    NEXUS_PORT_80_TCP: 'tcp://10.0.0.1:80',
    NEXUS_DB_SERVICE_PORT: '5432',
  }
  assert.equal(load(links).port, 8420)
})

test('plain http beyond loopback is refused unless it is asked for', () => {
  for (const host of ['0.0.0.0', '::', '192.168.1.2', 'nexus.example', '127.example.com']) {
    assert.match(faultsOf(() => load({ NEXUS_HOST: host }))[0] ?? '', /NEXUS_INSECURE=true/, host)
    assert.equal(load({ NEXUS_HOST: host, NEXUS_INSECURE: 'true' }).host, host)
    assert.equal(load({ NEXUS_HOST: host, NEXUS_TLS_CERT: 'a', NEXUS_TLS_KEY: 'b' }).host, host)
  }
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1']) assert.equal(load({ NEXUS_HOST: host }).host, host)
})

test('a certificate without its key is refused, and the other way round', () => {
  assert.deepEqual(
    faultsOf(() => load({ NEXUS_TLS_CERT: 'a' })),
    ['NEXUS_TLS_KEY is needed too, since NEXUS_TLS_CERT is given'],
  )
  assert.match(faultsOf(() => load({ NEXUS_TLS_KEY: 'a' }))[0] ?? '', /^NEXUS_TLS_CERT is needed/)
})

test('a file that was asked for must exist, and --config wins over NEXUS_CONFIG', () => {
  assert.deepEqual(
    faultsOf(() => load({ NEXUS_CONFIG: 'gone.yaml' })),
    ['gone.yaml cannot be read'],
  )
  assert.equal(load({ NEXUS_CONFIG: 'gone.yaml' }, { 'a.yaml': 'port: 9' }, ['--config', 'a.yaml']).port, 9)
  assert.equal(load({}, { 'a.yaml': 'port: 9' }, ['--config=a.yaml']).port, 9)
  assert.match(faultsOf(() => load({}, {}, ['--config']))[0] ?? '', /needs the path/)
})

test('a broken file is a fault with its line, not a crash', () => {
  assert.match(faultsOf(() => load({}, { 'nexus.yaml': 'port: 1\nport: 2\n' }))[0] ?? '', /line 2/)
  assert.match(faultsOf(() => load({}, { 'nexus.yaml': '- port' }))[0] ?? '', /map of keys/)
  assert.match(faultsOf(() => load({}, { 'nexus.yaml': 'a: *gone' }))[0] ?? '', /nexus.yaml is not/)
  assert.equal(load({}, { 'nexus.yaml': '' }).port, 8420)
})

test('a key given both flat and nested is refused', () => {
  assert.deepEqual(
    faultsOf(() => load({}, { 'nexus.yaml': 'query_cache_mb: 1\nquery: { cache_mb: 2 }' })),
    ['nexus.yaml: query_cache_mb is given twice'],
  )
})

test('address blocks read as a comma list, or a list in the file; what is none is named', () => {
  const blocks = (value: string) => load({ NEXUS_WEBHOOK_ALLOW_CIDRS: value }).webhookAllowCidrs
  assert.equal(load({}).webhookAllowCidrs, undefined)
  assert.deepEqual(blocks('10.0.0.0/8, ::1'), ['10.0.0.0/8', '::1'])
  const file = 'webhook: { allow_cidrs: [10.0.0.0/8, 127.0.0.1] }'
  assert.deepEqual(load({}, { 'nexus.yaml': file }).webhookAllowCidrs, ['10.0.0.0/8', '127.0.0.1'])
  for (const value of ['10.0.0.0/33', 'localhost', '10.0.0.1,', '010.0.0.1']) {
    const [fault] = faultsOf(() => blocks(value))
    assert.match(fault!, /^NEXUS_WEBHOOK_ALLOW_CIDRS has '.*' in it, which is neither an address nor a CIDR/, value)
  }
  const [fault] = faultsOf(() => load({}, { 'nexus.yaml': 'webhook_allow_cidrs: 7' }))
  assert.match(fault!, /must be a list of addresses and CIDR blocks/)
})

test('origins read as *, a comma list, or a list in the file; what a browser would never send is named', () => {
  const origins = (value: string) => load({ NEXUS_CORS_ORIGINS: value }).corsOrigins
  assert.equal(load({}).corsOrigins, undefined)
  assert.equal(origins('*'), '*')
  for (const one of ['https://app.example.com', 'http://localhost:5173', 'tauri://localhost'])
    assert.deepEqual(origins(one), [one])
  assert.deepEqual(origins('https://a.example, http://b.example:81'), ['https://a.example', 'http://b.example:81'])
  const file = 'cors_origins: [https://a.example, http://b.example:81]'
  assert.deepEqual(load({}, { 'nexus.yaml': file }).corsOrigins, ['https://a.example', 'http://b.example:81'])
  const wrong = [
    'app.example.com',
    'https://a.example/',
    'https://A.example',
    'https://a.example:443',
    'null',
    'https://*.a.example, *',
    'https://a.example,',
  ]
  for (const value of wrong) {
    const [fault] = faultsOf(() => origins(value))
    assert.match(fault!, /^NEXUS_CORS_ORIGINS has '.*' in it, which is no origin: expected such as https:/, value)
  }
  assert.match(
    configCommand({ env: { NEXUS_CORS_ORIGINS: 'https://a.example' }, args: ['check'], readFile: () => undefined })
      .stdout,
    /^cors_origins: https:\/\/a\.example$/m,
  )
})

test('rate limits read as default, off, or a list over the defaults', () => {
  const limits = (value: string) => load({ NEXUS_RATE_LIMITS: value }).rateLimits
  assert.deepEqual(limits('default'), rateDefaults)
  assert.equal(limits('off'), 'off')
  assert.deepEqual(limits('telemetry=5, command=6'), { ...rateDefaults, telemetry: 5, command: 6 })
  for (const bad of ['telemetry', 'telemetry=0', 'telemetry=-1', 'telemetry=1e3', '__proto__=1', 'on']) {
    faultsOf(() => limits(bad))
  }
})

test('secrets are never printed, neither by the check nor in a fault', () => {
  const secrets = { NEXUS_ADMIN_KEY: adminKey, NEXUS_STATE_URL: 'postgres://u:hunter2@db/nexus' }
  const check = configCommand({ env: secrets, args: ['check'], readFile: () => undefined })
  assert.equal(check.exitCode, 0)
  assert.match(check.stdout, /admin_key: \(hidden\)\nstate_url: \(hidden\)/)
  const bad = configCommand({
    env: { NEXUS_ADMIN_KEY: `${adminKey}x`, NEXUS_STATE_URL: 'mysql://u:hunter2@db' },
    args: ['check'],
    readFile: () => undefined,
  })
  assert.equal(bad.exitCode, 2)
  assert.doesNotMatch(bad.stderr, /hunter2|BBBB/)
  assert.match(bad.stderr, /2 faults/)
})

test('the printed default file, uncommented, is the default configuration', () => {
  const uncommented = configDefaultText().replaceAll(/^# ([a-z_]+:.*)$/gm, '$1')
  assert.deepEqual(load({}, { 'nexus.yaml': uncommented }), load({}))
})

test('the document names every key', () => {
  const doc = configDocText()
  for (const name of configNames) assert.ok(doc.includes(`\`${envName(name)}\``), name)
})

test('an unknown subcommand is a usage error', () => {
  assert.equal(configCommand({ env: {}, args: ['chekc'], readFile: () => undefined }).exitCode, 2)
})
