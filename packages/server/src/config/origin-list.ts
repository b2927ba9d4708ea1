import type { Described, Key, Reading } from './key-kinds.ts'

/** A comma list of origins, in YAML also a list; `*`: any. */
export function originList(options: Described): Key<'*' | readonly string[] | undefined> {
  const read = (raw: unknown): Reading<'*' | readonly string[]> => {
    const parts = typeof raw === 'string' ? raw.split(',').map((part) => part.trim()) : raw
    if (!Array.isArray(parts) || parts.length === 0) return { issue: 'must be * or a list of origins' }
    if (parts.length === 1 && parts[0] === '*') return { value: '*' }
    const wrong = parts.find((part) => !isOrigin(part))
    if (wrong === undefined) return { value: parts }
    return { issue: `has '${wrong}' in it, which is no origin: expected such as https://app.example.com` }
  }
  return { unit: 'origins', secret: false, default: undefined, ...options, read }
}

/** As a browser sends it: without a path, in lower case, without the port that the scheme has anyway. */
function isOrigin(part: unknown): boolean {
  if (typeof part !== 'string' || !/^[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+$/.test(part) || !URL.canParse(part)) return false
  const { origin } = new URL(part)
  // Schemes of applications, such as tauri://localhost, have none there.
  return origin === part || origin === 'null'
}
