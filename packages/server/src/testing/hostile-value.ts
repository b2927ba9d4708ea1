import fc from 'fast-check'

const texts = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  'x\udfff',
  '\u202egnp.exe',
  '\ufeff',
  '\r\nSet-Cookie: a=b',
  "\n\n'; DROP TABLE api_keys; --\n",
  "' OR '1'='1",
  '\n\n\n); SELECT sleep(10) --',
  '{{7*7}}',
  `\${process.exit(1)}`,
  '../../../etc/passwd',
  '%00',
  '__proto__',
  'null',
  'NaN',
  '1e999',
  '0x10',
  '-1',
  '9007199254740993',
  '2025-02-30T00:00:00Z',
  '2025-01-01T00:00:00',
  '+275760-09-13T00:00:00.000Z',
  '1'.repeat(400),
  'a'.repeat(100_000),
  '👩‍👩‍👧‍👦'.repeat(5_000),
  '\\'.repeat(5_000),
  'e\u0301'.repeat(5_000),
]

const numbers = [
  0,
  -0,
  -1,
  0.1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e21,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
]

const prototypes = ['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '{"toString":1}']

/** Values that break what was not thought of; all but NaN and the infinities survive JSON. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...texts),
  fc.constantFrom(...numbers),
  fc.constantFrom(null, true, false),
  fc.constantFrom(...prototypes).map((text) => JSON.parse(text) as unknown),
  fc.constantFrom(1, 9, 100, 2_000).chain((depth) => fc.constantFrom(deepArray(depth), deepObject(depth))),
  fc.constantFrom(
    [],
    {},
    [null],
    [[]],
    Array.from({ length: 20_000 }, () => 0),
  ),
  fc.anything({ withNullPrototype: false, maxDepth: 2 }),
)

function deepArray(depth: number): unknown {
  let value: unknown = []
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

function deepObject(depth: number): unknown {
  let value: unknown = {}
  for (let i = 0; i < depth; i++) value = { a: value }
  return value
}
