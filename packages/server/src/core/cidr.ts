import { BlockList, isIP } from 'node:net'

/** Whether `text` is an address or a CIDR block, IPv4 or IPv6. */
export function isCidr(text: string): boolean {
  return parse(text) !== undefined
}

/** Tells whether an address lies in one of the blocks; an empty list lets every address in. */
export function addressFilter(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => true
  const blocks = new BlockList()
  for (const cidr of cidrs) {
    const block = parse(cidr)
    if (block) blocks.addSubnet(block.address, block.bits, block.family)
  }
  return (address) => {
    const plain = unmapped(address)
    const family = isIP(plain)
    return family !== 0 && blocks.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
}

/** The IPv4 address inside an IPv4-mapped IPv6 one, as dual-stack sockets report it; others as they are. */
export function unmapped(address: string): string {
  const lower = address.toLowerCase()
  const inner = lower.startsWith('::ffff:') ? address.slice('::ffff:'.length) : ''
  return isIP(inner) === 4 ? inner : address
}

/** What one party is likely to hold: an IPv4 address, or the /64 of an IPv6 one. */
export function addressGroup(address: string): string {
  const plain = unmapped(address)
  if (isIP(plain) !== 6) return plain
  return `${expandedIpv6(plain).slice(0, 4).join(':')}::/64`
}

/** The eight groups of an IPv6 address, in hex without leading zeros; a zone is left out. */
export function expandedIpv6(address: string): string[] {
  const [head = '', tail] = address.toLowerCase().split('%')[0]!.split('::')
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  return tail === undefined ? left : [...left, ...zeros, ...right]
}

function groups(part: string): string[] {
  if (part === '') return []
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [shortHex(Number.parseInt(group, 16))]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [shortHex(a * 256 + b), shortHex(c * 256 + d)]
  })
}

function shortHex(value: number): string {
  return value.toString(16)
}

interface Block {
  address: string
  bits: number
  family: 'ipv4' | 'ipv6'
}

function parse(text: string): Block | undefined {
  const [address = '', bits, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0 || address.includes('%')) return undefined
  const widest = version === 4 ? 32 : 128
  if (bits === undefined) return { address, bits: widest, family: `ipv${version as 4 | 6}` }
  if (!/^(0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > widest) return undefined
  return { address, bits: Number(bits), family: `ipv${version as 4 | 6}` }
}
