import { promises as dns } from 'node:dns'

/** All addresses of a name; none: it doesn't resolve, or not in time. Never rejects. */
export type Resolver = (name: string) => Promise<string[]>

const queryMs = 2000
const queryTries = 2
const resolveMs = 5000
const systemLookupsMax = 2

/**
 * Asks DNS without threads: a server that doesn't answer would otherwise hold threads that all else needs too. A name that
 * DNS says isn't there may stand in the hosts file or under a search domain, so the system is asked then, by few at a time.
 * `localhost` and `invalid` are settled by https://www.rfc-editor.org/rfc/rfc6761#section-6.
 */
export function createResolver(): Resolver {
  let systemLookups = 0

  const bySystem = async (name: string): Promise<string[]> => {
    if (systemLookups >= systemLookupsMax) return []
    systemLookups++
    try {
      return (await dns.lookup(name, { all: true })).map(({ address }) => address)
    } catch {
      return []
    } finally {
      systemLookups--
    }
  }
  const ask = async (name: string): Promise<string[]> => {
    // A new one each time reads which servers there are now.
    const resolver = new dns.Resolver({ timeout: queryMs, tries: queryTries })
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const isUnknown = answers.every(({ status, ...rest }) => status === 'rejected' && isNegative(rest))
    return found.length === 0 && isUnknown ? bySystem(name) : found
  }

  return async (name) => {
    if (/(^|\.)localhost$/.test(name)) return ['127.0.0.1', '::1']
    if (/(^|\.)invalid$/.test(name)) return []
    return inTime(ask(name).catch(() => []))
  }
}

async function inTime(asked: Promise<string[]>): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string[]>((resolve) => {
    timer = setTimeout(resolve, resolveMs, [])
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** That the name isn't there, or has no such address; not that no server could be reached. */
function isNegative(answer: object): boolean {
  const code = 'reason' in answer && (answer.reason as NodeJS.ErrnoException | undefined)?.code
  return code === 'ENOTFOUND' || code === 'ENODATA'
}
