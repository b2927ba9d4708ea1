/** What the commands touch of the world. */
export interface World {
  env: Readonly<Record<string, string | undefined>>
  out(text: string): void
  err(text: string): void
  /** Throws when there is no such file. */
  readFile(path: string): string
  randomBytes(count: number): Uint8Array
  /** Runs the server's main with these arguments in place of this process. */
  becomeServer(args: readonly string[], env: World['env']): never
}

/** The command line itself is wrong. */
export class UsageError extends Error {}
