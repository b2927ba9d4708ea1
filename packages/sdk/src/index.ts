export * from './client.ts'
export * from './namespaces.ts'
export * from './nexus-error.ts'
export type { RetryPolicy } from './retry.ts'
