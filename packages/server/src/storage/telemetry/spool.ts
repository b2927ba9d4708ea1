import { once } from 'node:events'
import { closeSync, createWriteStream, openSync, unlinkSync } from 'node:fs'

/**
 * Runs `fn` with the path of a file that holds the blocks. The file has no name any more when `fn` sees it: nothing is
 * left behind, however the process ends, and no character of the folder's name is taken for a pattern.
 */
export async function spooled<T>(
  file: string,
  blocks: readonly Buffer[],
  fn: (path: string) => Promise<T>,
): Promise<T> {
  const fd = openSync(file, 'w+', 0o600)
  try {
    unlinkSync(file)
    const out = createWriteStream('', { fd, autoClose: false, start: 0 })
    for (const block of blocks) if (!out.write(block)) await once(out, 'drain')
    out.end()
    await once(out, 'finish')
    return await fn(`/dev/fd/${fd}`)
  } finally {
    closeSync(fd)
  }
}
