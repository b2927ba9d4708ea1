import { promises as dns } from 'node:dns'

/** All addresses of a name; none: it doesn't resolve, or not in time. Never rejects. */
export type Resolver = (name: string) => Promise<string[]>

export interface ResolverOptions {
  /** Default: those of the system. */
  servers?: readonly string[]
  /** What the system knows beside DNS; default: `getaddrinfo`. */
  system?(name: string): Promise<string[]>
  /** How long a name may take in all. */
  timeoutMs?: number
}

const queryMs = 2000
const queryTries = 2
const timeoutMsDefault = 5000
const systemLookupsMax = 2

/**
 * Asks DNS without threads: a server that doesn't answer would otherwise hold threads that all else needs too. A name that
 * DNS says isn't there may stand in the hosts file or under a search domain, so the system is asked then, by few at a time.
 * `localhost` and `invalid` are settled by https://www.rfc-editor.org/rfc/rfc6761#section-6.
 */
export function createResolver(options: ResolverOptions = {}): Resolver {
  const { servers, system = systemLookup, timeoutMs = timeoutMsDefault } = options
  let systemLookups = 0

  const bySystem = async (name: string): Promise<string[]> => {
    if (systemLookups >= systemLookupsMax) return []
    systemLookups++
    try {
      return await system(name)
    } finally {
      systemLookups--
    }
  }
  const ask = async (resolver: dns.Resolver, name: string): Promise<string[]> => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const isUnknown = answers.every((answer) => answer.status === 'rejected' && isNegative(answer.reason))
    return found.length === 0 && isUnknown ? bySystem(name) : found
  }

  return async (name) => {
    if (isLoopbackName(name)) return ['127.0.0.1', '::1']
    if (/(^|\.)invalid$/.test(name)) return []
    // A new one each time reads which servers there are now.
    const resolver = new dns.Resolver({ timeout: queryMs, tries: queryTries })
    if (servers) resolver.setServers(servers)
    const late = Promise.withResolvers<string[]>()
    const timer = setTimeout(() => late.resolve([]), timeoutMs)
    try {
      return await Promise.race([ask(resolver, name), late.promise])
    } catch {
      return []
    } finally {
      clearTimeout(timer)
      resolver.cancel()
    }
  }
}

export function isLoopbackName(name: string): boolean {
  return /(^|\.)localhost$/.test(name)
}

async function systemLookup(name: string): Promise<string[]> {
  return (await dns.lookup(name, { all: true })).map(({ address }) => address)
}

/** That the name isn't there, or has no such address; not that no server could be reached. */
function isNegative({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ENOTFOUND' || code === 'ENODATA'
}
