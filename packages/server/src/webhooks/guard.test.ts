import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../core/failure.ts'
import { createGuard } from './guard.ts'

const names: Record<string, string[]> = {
  'public.example': ['1.1.1.1', '2606:4700:4700::1111'],
  'private.example': ['10.0.0.7'],
  'mixed.example': ['1.1.1.1', '10.0.0.7'],
  'mixed6.example': ['1.1.1.1', '::1'],
  'mapped.example': ['::ffff:169.254.169.254'],
  'nat64.example': ['64:ff9b::a00:7'],
}
const guardOf = (...allowCidrs: string[]) => createGuard({ resolve: async (name) => names[name] ?? [], allowCidrs })

/** What is wrong with the address at save and at connect; undefined: nothing. */
async function verdicts(url: string, ...allowCidrs: string[]) {
  const guard = guardOf(...allowCidrs)
  const saved = await guard.check(url, 'callback_url').then(
    () => undefined,
    (error: Failure) => error.details.issue,
  )
  const admitted = await guard.admit(url).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return [saved, admitted]
}

const privately = ['must lead to a public address', 'address_refused']
const https = ['must begin with https://', 'address_refused']
const port = ['must use port 443, the one of https', 'address_refused']

const spellings = [
  ...[
    '127.0.0.1',
    '127.1',
    '127.0.1',
    '2130706433',
    '017700000001',
    '0177.0.0.1',
    '0x7f000001',
    '0x7f.1',
    '0X7F.0.0.1',
  ],
  ...[
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    '１２７.0.0.1',
    '127。0。0。1',
    '0',
    '0.0.0.0',
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
  ],
  ...['[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[fe80::1]'],
  ...['10.0.0.1', '0xa9fea9fe', '169.254.169.254', '[fd00:ec2::254]', '100.64.0.1', '192.168.1.1', '[ff02::1]'],
]
test('a private address is refused at save and at connect, however it is written', async () => {
  for (const spelling of spellings) {
    deepEqual(await verdicts(`https://${spelling}/hook`), privately, spelling)
  }
})

const cases: [url: string, allowed: string[], verdicts: (string | undefined)[]][] = [
  ['https://public.example/hook?a=b#c', [], [undefined, undefined]],
  ['https://PUBLIC.example:443', [], [undefined, undefined]],
  ['https://public.example.', [], [undefined, undefined]],
  ['https://1.1.1.1', [], [undefined, undefined]],
  ['https://[2606:4700:4700::1111]', [], [undefined, undefined]],
  ['https://private.example', [], privately],
  ['https://mixed.example', [], privately],
  ['https://mixed6.example', [], privately],
  ['https://mapped.example', [], privately],
  ['https://nat64.example', [], privately],
  ['https://nobody.example', [], [undefined, 'name_not_resolved']],
  ['http://public.example', [], https],
  ['http://nobody.example', [], [https[0], 'name_not_resolved']],
  ['https://public.example:8443', [], port],
  ['https://private.example', ['10.0.0.0/8'], [undefined, undefined]],
  ['http://private.example:8080', ['10.0.0.0/8'], [undefined, undefined]],
  ['http://nat64.example:8080', ['10.0.0.0/8'], [undefined, undefined]],
  ['http://nobody.example:8080', ['10.0.0.0/8'], [undefined, 'name_not_resolved']],
  ['http://mixed.example', ['10.0.0.0/8'], privately],
  ['https://mixed.example', ['10.0.0.0/8'], [undefined, undefined]],
  ['https://mixed.example:8443', ['10.0.0.0/8'], privately],
  ['http://public.example', ['10.0.0.0/8'], https],
  ['https://public.example:8443', ['10.0.0.0/8'], port],
  ['https://10.1.0.1', ['10.0.0.0/16'], privately],
  ['http://127.0.0.1:3000', ['127.0.0.1'], [undefined, undefined]],
  ['http://[::ffff:127.0.0.1]:3000', ['127.0.0.1'], [undefined, undefined]],
  ['http://[::1]:3000', ['127.0.0.1'], privately],
  ['http://[::1]:3000', ['::/0'], [undefined, undefined]],
]
for (const [url, allowed, expected] of cases) {
  test(`${url} with [${allowed}] allowed: ${expected[0] ?? 'kept'}, ${expected[1] ?? 'sent'}`, async () =>
    deepEqual(await verdicts(url, ...allowed), expected))
}

const malformed = [
  ['', 'must be an address, as in https://example.com/hook'],
  ['/hook', 'must be an address, as in https://example.com/hook'],
  ['https://', 'must be an address, as in https://example.com/hook'],
  ['https://a b', 'must be an address, as in https://example.com/hook'],
  ['https://256.256.256.256', 'must be an address, as in https://example.com/hook'],
  ['ftp://public.example', 'must begin with https://'],
  ['file:///etc/passwd', 'must begin with https://'],
  ['gopher://127.0.0.1:11211/_stats', 'must begin with https://'],
  ['data:text/plain,x', 'must begin with https://'],
  ['https://user:word@public.example', 'must not hold credentials: messages are signed, see the guide on webhooks'],
  [
    'https://public.example@private.example',
    'must not hold credentials: messages are signed, see the guide on webhooks',
  ],
  ['https://a..b', 'must name a host'],
  [`https://${'a'.repeat(64)}.example`, 'must name a host'],
  [`https://public.example/${'a'.repeat(2048)}`, 'must have at most 2048 characters'],
]
for (const [url, issue] of malformed) {
  test(`'${url!.slice(0, 60)}' ${issue}`, async () => deepEqual(await verdicts(url!), [issue, 'address_refused']))
}

test('what is refused is told with its field, and not what the name resolves to', async () => {
  await rejects(guardOf().check('https://private.example', 'callback_url'), (error) => {
    ok(error instanceof Failure)
    equal(error.code, 'VALIDATION_ERROR')
    equal(error.details.field, 'callback_url')
    return !JSON.stringify(error).includes('10.0.0.7')
  })
})
