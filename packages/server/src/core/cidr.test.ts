import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressFilter, addressGroup, expandedIpv6, isCidr, unmapped } from './cidr.ts'

const wellFormed: [text: string, valid: boolean][] = [
  ['10.0.0.0/8', true],
  ['10.1.2.3', true],
  ['0.0.0.0/0', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/08', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['10.0.0/8', false],
  ['010.0.0.1', false],
  ['2001:db8::/32', true],
  ['::1', true],
  ['::/0', true],
  ['2001:db8::/129', false],
  ['fe80::1%eth0', false],
  ['localhost', false],
  ['', false],
]
for (const [text, valid] of wellFormed) {
  test(`'${text}' is ${valid ? '' : 'not '}an address or a block`, () => equal(isCidr(text), valid))
}

const memberships: [cidrs: string[], address: string, inside: boolean][] = [
  [[], '203.0.113.9', true],
  [['10.0.0.0/8'], '10.255.255.255', true],
  [['10.0.0.0/8'], '11.0.0.0', false],
  [['10.1.2.3'], '10.1.2.3', true],
  [['10.1.2.3'], '10.1.2.4', false],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  [['10.0.0.0/8'], '::FFFF:11.1.2.3', false],
  [['0.0.0.0/0'], '198.51.100.1', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['2001:db8::/32'], '2001:db8:ffff::1', true],
  [['2001:db8::/32'], '2001:db9::1', false],
  [['192.0.2.0/24', '::1'], '::1', true],
  [['0.0.0.0/0', '::/0'], 'not an address', false],
]
for (const [cidrs, address, inside] of memberships) {
  test(`[${cidrs}] ${inside ? 'allows' : 'refuses'} ${address}`, () => equal(addressFilter(cidrs)(address), inside))
}

test('a block holds exactly the addresses that share its leading bits', () => {
  const number = fc.nat(0xffffffff)
  fc.assert(
    fc.property(number, number, fc.nat(32), fc.boolean(), (base, other, bits, near) => {
      // An unrelated address would hardly ever fall into a narrow block.
      const address = near ? (base ^ (other & 0xff)) >>> 0 : other
      const same = BigInt(base) >> BigInt(32 - bits) === BigInt(address) >> BigInt(32 - bits)
      return addressFilter([`${dotted(base)}/${bits}`])(dotted(address)) === same
    }),
  )
})

const holders: [address: string, group: string][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['unknown', 'unknown'],
]
for (const [address, group] of holders) {
  test(`${address} is held by ${group}`, () => equal(addressGroup(address), group))
}

const expansions: [address: string, groups: string][] = [
  ['::', '0 0 0 0 0 0 0 0'],
  ['::1', '0 0 0 0 0 0 0 1'],
  ['2001:0DB8::', '2001 db8 0 0 0 0 0 0'],
  ['1:2:3:4:5:6:7:8', '1 2 3 4 5 6 7 8'],
  ['1::8%eth0', '1 0 0 0 0 0 0 8'],
  ['::ffff:127.0.0.1', '0 0 0 0 0 ffff 7f00 1'],
  ['64:ff9b::10.1.2.3', '64 ff9b 0 0 0 0 a01 203'],
]
for (const [address, groups] of expansions) {
  test(`${address} is ${groups} in full`, () => equal(expandedIpv6(address).join(' '), groups))
}

test('only an IPv4-mapped address is unmapped', () => {
  equal(unmapped('::ffff:127.0.0.1'), '127.0.0.1')
  equal(unmapped('::ffff:0:1'), '::ffff:0:1')
  equal(unmapped('::1'), '::1')
})

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.')
}
