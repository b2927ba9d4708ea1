/** A block of a stream of Server-Sent Events. One without data tells only where the stream is. */
export interface SseMessage {
  event: string
  id: string | undefined
  data: string | undefined
}

const blockCharactersMax = 16 * 1024 * 1024

/**
 * Reads a stream of Server-Sent Events (https://html.spec.whatwg.org/multipage/server-sent-events.html), as Nexus writes it.
 */
export async function* sseMessages(body: ReadableStream<Uint8Array>): AsyncGenerator<SseMessage> {
  let unread = ''
  for await (const text of texts(body)) {
    const blocks = (unread + text).split('\n\n')
    unread = blocks.pop()!
    if (unread.length > blockCharactersMax) throw new Error('an event of the stream is too long')
    for (const block of blocks) {
      const message = messageOf(block)
      if (message) yield message
    }
  }
}

/** By hand: not every browser can iterate over a stream. */
async function* texts(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield decoder.decode(value, { stream: true })
  }
}

function messageOf(block: string): SseMessage | undefined {
  const message: SseMessage = { event: 'message', id: undefined, data: undefined }
  for (const line of block.split('\n')) {
    const [, field, value] = /^(event|id|data): ?(.*)$/.exec(line) ?? []
    if (field === 'data') message.data = message.data === undefined ? value! : `${message.data}\n${value}`
    else if (field === 'event' || field === 'id') message[field] = value!
  }
  return message.data === undefined && message.id === undefined ? undefined : message
}
