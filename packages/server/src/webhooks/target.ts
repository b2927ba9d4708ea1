import { isIP } from 'node:net'

/** An address to send to, taken apart. */
export interface Target {
  url: URL
  /** As it is resolved: a name in lower case, or an IP address without brackets, in its usual spelling. */
  host: string
  isPlain: boolean
  /** Whether scheme and port are those that need no permission of the operator. */
  isUsual: boolean
}

const lengthMax = 2048

/**
 * Reads an address by the URL standard, which also brings every spelling of an IPv4 address (`0x7f.1`, `2130706433`,
 * `017700000001`) to its usual one. A string: what is wrong with it.
 */
export function readTarget(text: string): Target | string {
  if (text.length > lengthMax) return `must have at most ${lengthMax} characters`
  if (!URL.canParse(text)) return 'must be an address, as in https://example.com/hook'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://'
  if (url.username !== '' || url.password !== '')
    return 'must not hold credentials: messages are signed, see the guide on webhooks'
  const isPlain = url.protocol === 'http:'
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (host === '' || (isIP(host) === 0 && !isName(host))) return 'must name a host'
  return { url, host, isPlain, isUsual: !isPlain && url.port === '' }
}

/** https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4; the URL standard permits longer ones. */
function isName(host: string): boolean {
  return host.length <= 253 && host.split('.').every((label) => label.length > 0 && label.length <= 63)
}
