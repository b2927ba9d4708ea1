import { createHash, randomBytes } from 'node:crypto'
import { createClient } from '@redis/client'
import type { SharedCounts, WindowPart } from '../../auth/index.ts'

export interface RedisCountsOptions {
  url: string
  /** What every name begins with, so that installations can share one Redis. */
  prefix: string
  /** How long to wait for an answer, a new connection included. */
  answerMsMax?: number
}

/** How long a node counts as one after it was heard of. */
const nodeMs = 15_000
const lastMs = 1000

/**
 * KEYS: the nodes, then the windows. ARGV: this node; for each window the name of its part, what is spent, when it ends,
 * and whether it was heard of. A window is a hash of parts, and expires as a whole. Answers the number of nodes, then for
 * each window what all parts have come to and when it ends.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ${nodeMs})
redis.call('PEXPIRE', KEYS[1], ${nodeMs})
local answer = { redis.call('ZCARD', KEYS[1]) }
for i = 2, #KEYS do
  local at = 4 * i - 6
  local ends = tonumber(ARGV[at + 2])
  local left = redis.call('PTTL', KEYS[i])
  local total = 0
  if left < 0 and ARGV[at + 3] == '1' and ends < ${lastMs} then
    left = 0
  else
    redis.call('HSET', KEYS[i], ARGV[at], ARGV[at + 1])
    if left < 0 then
      redis.call('PEXPIRE', KEYS[i], ends)
      left = ends
    end
    for _, spent in ipairs(redis.call('HVALS', KEYS[i])) do total = total + spent end
  end
  answer[#answer + 1] = total
  answer[#answer + 1] = left
end
return answer`
const scriptSha = createHash('sha1').update(script).digest('hex')

type Client = Awaited<ReturnType<typeof connect>>

/** Counts in Redis or Valkey, one server or a primary with replicas. Connects when asked, and anew after a failure. */
export function openRedisCounts({ url, prefix, answerMsMax = 500 }: RedisCountsOptions): SharedCounts {
  const node = randomBytes(6).toString('hex')
  const nodesKey = `${prefix}nodes`
  let connection: Promise<Client> | undefined

  const drop = () => {
    connection?.then((client) => client.destroy()).catch(() => {})
    connection = undefined
  }
  const ask = async <T>(question: (client: Client) => Promise<T>): Promise<T> => {
    connection ??= connect(url, answerMsMax)
    try {
      return await within(answerMsMax, connection.then(question))
    } catch (cause) {
      drop()
      throw new Error('Redis does not answer', { cause })
    }
  }

  return {
    async exchange(parts) {
      const keys = [nodesKey, ...parts.map(({ window }) => `${prefix}rate:${window}`)]
      const args = [node, ...parts.flatMap((part) => argsOf(node, part))]
      const [nodes = 1, ...numbers] = await ask((client) => run(client, keys, args))
      return { nodes, windows: parts.map((_, i) => ({ spent: numbers[2 * i]!, endsInMs: numbers[2 * i + 1]! })) }
    },
    async close() {
      if (connection) await ask((client) => client.sendCommand(['ZREM', nodesKey, node])).catch(() => {})
      drop()
    },
  }
}

function argsOf(node: string, { part, spent, endsInMs, heard }: WindowPart): string[] {
  return [`${node}.${part}`, String(spent), String(endsInMs), heard ? '1' : '0']
}

/** The script goes over the wire but once for each start of Redis. */
async function run(client: Client, keys: string[], args: string[]): Promise<number[]> {
  const rest = [String(keys.length), ...keys, ...args]
  try {
    return await client.sendCommand(['EVALSHA', scriptSha, ...rest])
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return client.sendCommand(['EVAL', script, ...rest])
  }
}

async function connect(url: string, connectTimeout: number) {
  const client = createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: { connectTimeout, reconnectStrategy: false },
  })
  // Without a listener an error would end the process; whoever asks next is told.
  client.on('error', () => {})
  return client.connect()
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
