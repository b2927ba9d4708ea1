import type { KeyObject } from 'node:crypto'
import type { Clock } from '../core/clock.ts'
import type { Hasher } from './hasher.ts'
import type { KeyStore } from './ports.ts'

/** What the verbs on keys need. */
export interface KeyDeps {
  store: KeyStore
  clock: Clock
  hasher: Hasher
  pepper: KeyObject
  /** Forgets what is remembered of a key, here and on every node. */
  forget(keyId: string): void
}
