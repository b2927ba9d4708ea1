import { fileURLToPath } from 'node:url'

const serverMain = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url))

/**
 * Replaces this process by the server, so that signals, exit code and terminal are the server's own. The thread pool
 * must be sized before a process starts; its default of four would make file writes and bcrypt wait for each other.
 */
export function becomeServer(args: readonly string[], env: NodeJS.ProcessEnv): never {
  const sized = { ...env, UV_THREADPOOL_SIZE: env.UV_THREADPOOL_SIZE || '16' }
  return process.execve!(process.execPath, [process.execPath, serverMain, ...args], sized)
}
