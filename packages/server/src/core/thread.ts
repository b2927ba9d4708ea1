import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** A service whose methods are plain functions of values that can be cloned. */
type Service<Methods> = { [Name in keyof Methods]: (...args: never[]) => unknown }

/** A service that runs in a thread of its own. Calls are carried out one after another, in their order. */
export interface Thread<Methods extends Service<Methods>> {
  /**
   * Typed arrays that are an argument or the answer, or a field of one, are moved and not copied: who gave them away has
   * them no more. Rejects with what the method threw, without what it had beside its message; or because the thread died.
   */
  call<Name extends keyof Methods>(name: Name, ...args: Parameters<Methods[Name]>): Promise<ReturnType<Methods[Name]>>
  /** False: it has died, or was closed; no call will be answered any more. */
  isAlive(): boolean
  /** Ends it after the calls that were made. */
  close(): Promise<void>
}

interface Call {
  id: number
  name: string
  args: unknown[]
}

type Answer = { id: number; result: unknown } | { id: number; cause: unknown }

/** Starts the file that calls `serveThread`; resolves once its service is open, rejects when it cannot be opened. */
export async function startThread<Methods extends Service<Methods>>(
  file: URL,
  data: unknown,
): Promise<Thread<Methods>> {
  const worker = new Worker(file, { workerData: data })
  const pending = new Map<number, PromiseWithResolvers<never>>()
  let calls = 0
  let dead: { cause: unknown } | undefined

  const call = (name: string, args: unknown[]): Promise<never> => {
    if (dead) return Promise.reject(dead.cause)
    const id = calls++
    const answer = Promise.withResolvers<never>()
    pending.set(id, answer)
    worker.postMessage({ id, name, args } satisfies Call, args.flatMap(buffersIn))
    return answer.promise
  }
  const die = (cause: unknown) => {
    dead ??= { cause }
    for (const { reject } of pending.values()) reject(dead.cause)
    pending.clear()
  }
  worker.on('message', (answer: Answer) => {
    const { resolve, reject } = pending.get(answer.id)!
    pending.delete(answer.id)
    if ('cause' in answer) reject(answer.cause)
    else resolve(answer.result as never)
  })
  worker.on('error', die)
  // What cannot be read here would never be answered.
  worker.on('messageerror', (cause) => {
    die(cause)
    void worker.terminate()
  })
  worker.on('exit', () => die(new Error('The thread has ended')))

  const thread: Thread<Methods> = {
    call: (name, ...args) => call(String(name), args),
    isAlive: () => !dead,
    async close() {
      if (dead) return
      const exited = once(worker, 'exit')
      worker.postMessage(undefined)
      await exited
    },
  }
  await call('', [])
  return thread
}

/** Opens a service for the thread that this file runs in, with the data that it was started with. */
export function serveThread<Data, Methods extends Service<Methods>>(open: (data: Data) => Methods): void {
  if (isMainThread || !parentPort) throw new Error('This file runs in a thread only')
  const port = parentPort
  const service = open(workerData as Data) as unknown as Record<string, (...args: unknown[]) => unknown>
  port.on('message', (call: Call | undefined) => {
    if (!call) return port.close()
    const { id, name, args } = call
    try {
      const result = name === '' ? undefined : service[name]!(...args)
      port.postMessage({ id, result } satisfies Answer, buffersIn(result))
    } catch (cause) {
      port.postMessage({ id, cause } satisfies Answer)
    }
  })
}

function buffersIn(value: unknown): ArrayBuffer[] {
  if (typeof value !== 'object' || value === null) return []
  const views = (ArrayBuffer.isView(value) ? [value] : Object.values(value)).filter(ArrayBuffer.isView)
  return views.map(({ buffer }) => buffer as ArrayBuffer)
}
