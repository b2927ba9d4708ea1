import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createLoop } from '../../core/loop.ts'
import type { Signals } from './signals.ts'

const channel = 'nexus'
/** A notification has less than 8000 bytes (https://www.postgresql.org/docs/current/sql-notify.html). */
const bytesMax = 7000
/** How long what is told is gathered while there is much of it. */
const pauseMs = 20
/** How often the connection is tried that has nothing to say: a peer that went away without a word is noticed by that. */
const restMs = 5000
/** Of a topic; what is told beyond that before it could be sent is lost. */
const waitingMax = 1000

interface Message {
  from: string
  topic: string
  texts: string[]
}

/**
 * Signals by LISTEN and NOTIFY, over a connection of their own that is opened when there is something to tell or to listen
 * to, and again whenever it breaks. They are sent outside of transactions: a commit that notifies waits for all others that
 * do. A process that serves says so by the name of that connection.
 */
export class PostgresSignals implements Signals {
  readonly #url: string
  readonly #id = randomBytes(8).toString('hex')
  readonly #listeners = new Map<string, (texts: readonly string[]) => void>()
  readonly #waiting = new Map<string, Set<string>>()
  #client: pg.Client | undefined
  #connecting: Promise<pg.Client> | undefined
  #isServing = false
  /** The connection that says that this process serves. */
  #named: pg.Client | undefined
  /** Whoever uses the state is told that it can't be reached; here it is only tried again. */
  readonly #sending = createLoop({ restMs, pauseMs, run: () => this.#send(), onError: () => {} })

  constructor(url: string) {
    this.#url = url
    this.#sending.start()
  }

  tell(topic: string, text: string): void {
    const waiting = this.#waiting.get(topic) ?? new Set()
    this.#waiting.set(topic, waiting)
    if (waiting.size < waitingMax) waiting.add(text)
    this.#sending.wake()
  }

  listen(topic: string, hear: (texts: readonly string[]) => void): void {
    this.#listeners.set(topic, hear)
    this.#sending.wake()
  }

  serve(): void {
    this.#isServing = true
    this.#sending.wake()
  }

  async areOthersServing(): Promise<boolean> {
    const client = await this.#connected()
    const { rows } = await client.query(
      'select 1 from pg_stat_activity where datname = current_database() and application_name = $1 and pid <> pg_backend_pid()',
      [servingName],
    )
    return rows.length > 0
  }

  async close(): Promise<void> {
    await this.#sending.stop()
    await this.#connecting?.catch(() => {})
    await this.#client?.end()
  }

  async #send(): Promise<void> {
    if (this.#listeners.size === 0 && this.#waiting.size === 0 && !this.#isServing) return
    const client = await this.#connected()
    if (this.#isServing && this.#named !== client) {
      await client.query(`set application_name to '${servingName}'`)
      this.#named = client
    } else await client.query('select 1')
    for (const [topic, waiting] of this.#waiting) {
      this.#waiting.delete(topic)
      for (const texts of inNotifications(waiting)) {
        const message: Message = { from: this.#id, topic, texts }
        await client.query('select pg_notify($1, $2)', [channel, JSON.stringify(message)])
      }
    }
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  async #connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: 5000,
      // A notification is a commit, which need not be durable.
      options: '-c synchronous_commit=off',
      query_timeout: 5000,
      // Else a statement that is not answered in time stays in the way of those behind it.
      pipeline: true,
      keepAlive: true,
    })
    const lost = () => {
      if (this.#client !== client) return
      this.#client = undefined
      this.#sending.wake()
    }
    client.on('error', lost)
    client.on('end', lost)
    client.on('notification', ({ payload }) => this.#hear(payload))
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
    } catch (error) {
      await client.end()
      throw error
    }
    this.#client = client
    return client
  }

  /** The channel is that of the whole database: others may use it, and other versions of Nexus. */
  #hear(payload = ''): void {
    const message = messageIn(payload)
    if (message && message.from !== this.#id) this.#listeners.get(message.topic)?.(message.texts)
  }
}

const servingName = 'nexus serving'

function messageIn(payload: string): Message | undefined {
  try {
    const { from, topic, texts } = JSON.parse(payload)
    const isMessage = Array.isArray(texts) && texts.every((text) => typeof text === 'string')
    return isMessage ? { from, topic, texts } : undefined
  } catch {
    return undefined
  }
}

/** As many as fit into a notification, with what JSON adds to them. */
function* inNotifications(texts: Iterable<string>): Generator<string[]> {
  let part: string[] = []
  let bytes = 0
  for (const text of texts) {
    const more = Buffer.byteLength(JSON.stringify(text)) + 1
    if (more > bytesMax) continue
    if (bytes + more > bytesMax) {
      yield part
      ;[part, bytes] = [[], 0]
    }
    part.push(text)
    bytes += more
  }
  if (part.length > 0) yield part
}
