import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { Failure } from '../core/failure.ts'
import { createGuard } from './guard.ts'

const names: Record<string, string[]> = {
  'public.example': ['1.1.1.1', '2606:4700:4700::1111'],
  localhost: ['127.0.0.1', '::1'],
  'a.localhost': ['127.0.0.1', '::1'],
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
/** Of names nothing is told at save, and nothing else than of those that do not exist at connect. */
const nowhere = [undefined, 'no_public_address']
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

test('an address with a blank, a line break or a control character is refused, for what is sent to would be another', async () => {
  const guard = guardOf()
  const host = 'https://public.example'
  const odd = [
    `${host}/a b`,
    ` ${host}`,
    `${host}/ `,
    `${host}/a\nb`,
    `${host}/\r\nX-More: 1`,
    `https://public.\texample/`,
    `${host}/\u0000`,
    `${host}/\u00a0`,
    `${host}/?q=a\u007fb`,
  ]
  for (const url of odd)
    await rejects(guard.check(url, 'callback_url'), ({ code, details }: Failure) => {
      ok(String(details.issue).includes('no blanks'), JSON.stringify(url))
      return code === 'VALIDATION_ERROR' && details.field === 'callback_url'
    })
  for (const url of [`${host}/a%20b?q=%0A`, `${host}/ü`]) equal(await guard.check(url, 'callback_url'), undefined)
})

const cases: [url: string, allowed: string[], verdicts: (string | undefined)[]][] = [
  ['https://public.example/hook?a=b#c', [], [undefined, undefined]],
  ['https://PUBLIC.example:443', [], [undefined, undefined]],
  ['https://public.example.', [], [undefined, undefined]],
  ['https://1.1.1.1', [], [undefined, undefined]],
  ['https://[2606:4700:4700::1111]', [], [undefined, undefined]],
  ['https://private.example', [], nowhere],
  ['https://mixed.example', [], nowhere],
  ['https://mixed6.example', [], nowhere],
  ['https://mapped.example', [], nowhere],
  ['https://nat64.example', [], nowhere],
  ['https://nobody.example', [], nowhere],
  ['https://localhost', [], [privately[0], 'no_public_address']],
  ['https://a.localhost', [], [privately[0], 'no_public_address']],
  ['http://public.example', [], https],
  ['http://nobody.example', [], [https[0], 'no_public_address']],
  ['https://public.example:8443', [], port],
  ['https://private.example', ['10.0.0.0/8'], [undefined, undefined]],
  ['http://private.example:8080', ['10.0.0.0/8'], [undefined, undefined]],
  ['http://nat64.example:8080', ['10.0.0.0/8'], [undefined, undefined]],
  ['http://nobody.example:8080', ['10.0.0.0/8'], [undefined, 'no_public_address']],
  ['http://mixed.example', ['10.0.0.0/8'], nowhere],
  ['https://mixed.example', ['10.0.0.0/8'], [undefined, undefined]],
  ['https://mixed.example:8443', ['10.0.0.0/8'], nowhere],
  ['http://public.example', ['10.0.0.0/8'], [undefined, 'address_refused']],
  ['https://public.example:8443', ['10.0.0.0/8'], [undefined, 'address_refused']],
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

test('whether a name of this network exists is told neither at save nor at connect, and at save it is not asked', async () => {
  const asked: string[] = []
  const resolve = async (name: string) => {
    asked.push(name)
    return names[name] ?? []
  }
  const guard = createGuard({ resolve, allowCidrs: [] })
  for (const url of ['https://private.example', 'https://nobody.example']) await guard.check(url, 'callback_url')
  deepEqual(asked, [])
  deepEqual(await verdicts('https://private.example'), await verdicts('https://nobody.example'))
})

test('what is refused is told with its field', async () => {
  await rejects(guardOf().check('https://10.0.0.7', 'callback_url'), (error) => {
    ok(error instanceof Failure)
    equal(error.code, 'VALIDATION_ERROR')
    equal(error.details.field, 'callback_url')
    return true
  })
})
