import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { countOf, mark } from './messages.ts'

/** How a connection becomes a subscription: written one after another, each once what answers the one before was seen. */
export interface Subscription {
  steps: readonly { send: Buffer; answer: string }[]
  /** Sent now and then, so that the server doesn't take a silent client for a dead one. */
  keepAlive: Buffer | undefined
}

/** Subscribers that do nothing but count: all of this process, the same for every system. */
export interface Readers {
  readonly count: number
  readonly bytes: number
  readonly messages: number
  /**
   * Resolves when each of them has exactly `count` messages more than at the last call. Rejects when one has another
   * number, when the server closes one, or when no message has come for 30 s.
   */
  untilEachHas(count: number): Promise<void>
  close(): void
}

const openingAtOnce = 64
const keepAliveMs = 10_000
const silenceMs = 30_000
/** So many connections come from one address that neither its ports nor what a server allows an address run out. */
const addresses = 250

// One for all: what is read is counted before anything else is read.
const buffer = Buffer.allocUnsafe(256 * 1024)

export async function openReaders(port: number, subscriptions: readonly Subscription[]): Promise<Readers> {
  const received = new Float64Array(subscriptions.length)
  const tally = { bytes: 0, messages: 0, wanted: Number.POSITIVE_INFINITY, each: 0 }
  const sockets: Socket[] = []
  let waiting: PromiseWithResolvers<void> | undefined
  let failure: Error | undefined

  const fail = (message: string) => {
    failure ??= new Error(message)
    waiting?.reject(failure)
  }
  const heard = (index: number, bytes: Buffer) => {
    const count = countOf(mark, bytes)
    received[index]! += count
    tally.bytes += bytes.length
    tally.messages += count
    if (tally.messages >= tally.wanted) waiting?.resolve()
  }
  const open = async (index: number) => {
    const socket = await openSubscription(port, index, subscriptions[index]!, (bytes) => heard(index, bytes))
    socket.on('close', () => fail(`the server closed reader ${index}`))
    sockets[index] = socket
  }
  await eachOf(subscriptions.length, open)
  const keepAlive = setInterval(() => {
    for (const [index, { keepAlive }] of subscriptions.entries()) if (keepAlive) sockets[index]!.write(keepAlive)
  }, keepAliveMs)

  return {
    count: subscriptions.length,
    get bytes() {
      return tally.bytes
    },
    get messages() {
      return tally.messages
    },
    async untilEachHas(count) {
      tally.each += count
      tally.wanted = tally.each * received.length
      waiting = Promise.withResolvers()
      if (failure) throw failure
      if (tally.messages < tally.wanted) await unlessSilent(waiting, () => tally.messages)
      const wrong = received.findIndex((messages) => messages !== tally.each)
      if (wrong !== -1) throw new Error(`reader ${wrong} has ${received[wrong]} messages, not ${tally.each}`)
    },
    close() {
      clearInterval(keepAlive)
      for (const socket of sockets) socket.removeAllListeners('close').destroy()
    },
  }
}

/** Opens a connection and subscribes; from then on `heard` gets what comes. */
export async function openSubscription(
  port: number,
  index: number,
  { steps }: Subscription,
  heard: (bytes: Buffer) => void,
): Promise<Socket> {
  let text: string | undefined = ''
  let answered = () => {}
  const socket = openSocket(port, index, (bytes) => {
    if (text === undefined) return heard(bytes)
    text += bytes.toString('latin1')
    answered()
  })
  await once(socket, 'connect')
  for (const { send, answer } of steps) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    answered = () => {
      if (/^HTTP\/1\.1 (?!101|200)/.test(text!)) reject(new Error(`refused: ${text!.slice(0, 500)}`))
      else if (text!.includes(answer)) resolve()
    }
    const closed = () => reject(new Error(`closed after ${JSON.stringify(text!.slice(-500))}`))
    socket.on('close', closed).write(send)
    await promise.finally(() => socket.off('close', closed))
    text = ''
  }
  text = undefined
  return socket
}

export function openSocket(port: number, index: number, heard: (bytes: Buffer) => void): Socket {
  const socket = connect({
    port,
    host: '127.0.0.1',
    localAddress: `127.0.1.${1 + (index % addresses)}`,
    noDelay: true,
    onread: {
      buffer,
      callback(length) {
        heard(buffer.subarray(0, length))
        return true
      },
    },
  })
  // What follows an error is a close, and that is heard.
  return socket.on('error', () => {})
}

/** Does something for each index, some at once. */
export async function eachOf(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const inTurn = async () => {
    for (let index = next++; index < count; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: openingAtOnce }, inTurn))
}

async function unlessSilent(waiting: PromiseWithResolvers<void>, progress: () => number): Promise<void> {
  let last = progress()
  const timer = setInterval(() => {
    if (progress() === last) waiting.reject(new Error(`no message for ${silenceMs / 1000} s, after ${last}`))
    last = progress()
  }, silenceMs)
  await waiting.promise.finally(() => clearInterval(timer))
}
