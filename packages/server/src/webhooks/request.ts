import type { WebhookStore } from './ports.ts'
import { type Post, type PostDeps, type PostResult, post } from './post.ts'
import { signatureHeaders } from './signature.ts'

/** A request that is sent once, now; `id` is that of what it is about. */
export interface SignedRequest extends Post {
  id: string
}

/**
 * Sends a request in the name of a key, guarded as webhooks are; signed as they are too, once the key has a secret. Rejects
 * only when `signal` aborts.
 */
export async function sendRequest(
  deps: PostDeps & { store: Pick<WebhookStore, 'secret'> },
  keyId: string,
  { id, headers, ...request }: SignedRequest,
  signal: AbortSignal,
): Promise<PostResult> {
  const secret = await deps.store.secret(keyId)
  const signed = secret ? signatureHeaders(secret, { id, body: request.body ?? '', now: deps.now() }) : {}
  return post(deps, { ...request, headers: { ...lowered(headers), ...signed } }, signal)
}

/** Two spellings of a name would be two headers. */
function lowered(headers: Post['headers']): Post['headers'] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
