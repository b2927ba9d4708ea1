import { fail } from '../core/failure.ts'
import type { TaskRecord } from './record.ts'

/** Errors: CONFLICT (`version_mismatch`), where the caller meant another version than there is. */
export function assertVersion({ version }: TaskRecord, expected: string | undefined): void {
  if (expected === undefined || expected === '*') return
  const tags = expected.split(',').map((tag) => tag.trim().replace(/^"(.*)"$/, '$1'))
  if (tags.includes(String(version))) return
  const issue = `the task has changed: it is version ${version}`
  throw fail('CONFLICT', { reason: 'version_mismatch', field: 'if_match', version, issue }, { http: 412 })
}
