import { BlockList, isIP } from 'node:net'
import { expandedIpv6 } from '../core/cidr.ts'

/**
 * What is not for everybody to reach: IANA's special-purpose registries
 * (https://www.iana.org/assignments/iana-ipv4-special-registry), multicast, and the metadata service of Azure, which is at
 * an address that looks public. Those of others are link-local, of the shared space or unique local.
 */
const refusedIpv4 = blocks('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
])

/** The only space that is given out for hosts anywhere (https://www.iana.org/assignments/ipv6-address-space). */
const globalIpv6 = blocks('ipv6', [['2000::', 3]])

/** Inside of it: protocols (Teredo, benchmarks, ORCHID), 6to4, which leads to any IPv4 address, and documentation. */
const refusedIpv6 = blocks('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
])

/** Whether anybody may be sent to this address. What is no address is not public. */
export function isPublicAddress(address: string): boolean {
  const settled = settledAddress(address)
  if (isIP(settled) === 4) return !refusedIpv4.check(settled, 'ipv4')
  return isIP(settled) === 6 && globalIpv6.check(settled, 'ipv6') && !refusedIpv6.check(settled, 'ipv6')
}

/** Where packets to an address end up: IPv4 behind `::ffff:0:0/96` (mapped) and `64:ff9b::/96` (NAT64), without a zone. */
export function settledAddress(address: string): string {
  const plain = address.split('%', 1)[0]!
  if (isIP(plain) !== 6) return plain
  const groups = expandedIpv6(plain)
  const head = groups.slice(0, 6).join(':')
  if (head !== '0:0:0:0:0:ffff' && head !== '64:ff9b:0:0:0:0') return plain
  return groups
    .slice(6)
    .flatMap((group) => {
      const value = Number.parseInt(group, 16)
      return [value >> 8, value & 0xff]
    })
    .join('.')
}

function blocks(family: 'ipv4' | 'ipv6', subnets: [address: string, bits: number][]): BlockList {
  const list = new BlockList()
  for (const [address, bits] of subnets) list.addSubnet(address, bits, family)
  return list
}
