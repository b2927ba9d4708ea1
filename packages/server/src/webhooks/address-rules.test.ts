import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPublicAddress, settledAddress } from './address-rules.ts'

const addresses: Record<'refused' | 'public', Record<string, string[]>> = {
  refused: {
    unspecified: ['0.0.0.0', '0.1.2.3', '::'],
    loopback: ['127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1'],
    private: ['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '192.168.255.255'],
    'shared (CGNAT)': ['100.64.0.1', '100.127.255.255', '100.100.100.200'],
    'link-local and metadata': ['169.254.169.254', '169.254.170.2', 'fe80::1', 'fe80::1%eth0', 'febf::1'],
    'metadata at an address that looks public': ['168.63.129.16', '192.0.0.192'],
    'unique local': ['fc00::1', 'fd00:ec2::254', 'fd20:ce::254', 'fdff:ffff::1'],
    'site-local, which is no more': ['fec0::1'],
    multicast: ['224.0.0.1', '239.255.255.250', 'ff02::1', 'ff0e::1'],
    broadcast: ['255.255.255.255'],
    reserved: ['240.0.0.1', '192.0.0.8', '192.88.99.1', '198.18.0.1', '198.19.255.255', '4000::1', '8000::', '5f00::1'],
    documentation: ['192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1', '3fff:fff:ffff::1'],
    'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::FFFF:10.0.0.1', '0:0:0:0:0:ffff:a9fe:a9fe'],
    'IPv4-compatible': ['::127.0.0.1', '::7f00:1', '::8.8.8.8'],
    'IPv4-translated': ['::ffff:0:127.0.0.1', '::ffff:0:8.8.8.8'],
    NAT64: ['64:ff9b::127.0.0.1', '64:ff9b::a00:1', '64:ff9b::a9fe:a9fe', '64:ff9b:1::1', '64:ff9b:1::8.8.8.8'],
    '6to4': ['2002:7f00:1::', '2002:a00:1::1', '2002:808:808::1'],
    Teredo: ['2001::1', '2001:0:7f00:1::', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
    'protocols and benchmarks': ['2001:2::1', '2001:10::1', '2001:20::1', '100::1'],
    'no address': ['', 'localhost', '127.1', '0x7f.0.0.1', '017700000001', '2130706433', '[::1]', ':::'],
  },
  public: {
    IPv4: [
      '1.1.1.1',
      '8.8.8.8',
      '11.0.0.1',
      '100.63.255.255',
      '100.128.0.0',
      '172.15.255.255',
      '172.32.0.0',
      '223.255.255.255',
    ],
    'neighbours of refused blocks': [
      '9.255.255.255',
      '126.255.255.255',
      '128.0.0.1',
      '169.253.255.255',
      '169.255.0.0',
      '168.63.129.15',
      '198.17.255.255',
      '198.20.0.0',
    ],
    IPv6: [
      '2606:4700:4700::1111',
      '2001:4860:4860::8888',
      '2a00::1',
      '2001:200::1',
      '2001:db7::1',
      '2001:db9::1',
      '3ffe::1',
    ],
    'IPv4 behind a prefix': ['::ffff:8.8.8.8', '::ffff:808:808', '64:ff9b::8.8.8.8', '64:ff9b::808:808'],
  },
}

for (const [verdict, kinds] of Object.entries(addresses)) {
  for (const [kind, list] of Object.entries(kinds)) {
    test(`${verdict}: ${kind}`, () => {
      for (const address of list) equal(isPublicAddress(address), verdict === 'public', address)
    })
  }
}

test('an address is settled to the IPv4 address that it leads to, and to no zone', () => {
  equal(settledAddress('::ffff:a9fe:a9fe'), '169.254.169.254')
  equal(settledAddress('64:FF9B::10.1.2.3'), '10.1.2.3')
  equal(settledAddress('fe80::1%eth0'), 'fe80::1')
  equal(settledAddress('2606::1'), '2606::1')
})

test('an IPv4 address is judged alike in every form that leads to it', () => {
  const byte = fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 240, 254, 255))
  fc.assert(
    fc.property(byte, byte, byte, byte, (a, b, c, d) => {
      const dotted = `${a}.${b}.${c}.${d}`
      const hex = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
      for (const form of [`::ffff:${dotted}`, `::ffff:${hex}`, `64:ff9b::${dotted}`, `64:ff9b::${hex}`])
        equal(isPublicAddress(form), isPublicAddress(dotted), form)
      for (const form of [`::${dotted}`, `2002:${hex}::1`, `2001:0:${hex}::1`])
        equal(isPublicAddress(form), false, form)
    }),
  )
})
