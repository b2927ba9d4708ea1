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
  const [head = '', tail] = plain.toLowerCase().split('%')[0]!.split('::')
  const left = groups(head)
  const right = groups(tail ?? '')
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const all = tail === undefined ? left : [...left, ...zeros, ...right]
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

function groups(part: string): string[] {
  if (part === '') return []
  // A dotted tail (`64:ff9b::1.2.3.4`) stands for two groups, which are never among the first four.
  return part.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))
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
