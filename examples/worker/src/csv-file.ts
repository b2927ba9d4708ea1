import { mkdir, open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A file that is there whole or not at all: it grows under a temporary name, and may be gone on with. */
export interface CsvFile {
  /** Appends lines; resolves with the length of the file once they are on the disk. */
  append(lines: readonly string[]): Promise<number>
  /** Gives it its name, in the place of one that was there. */
  finish(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the temporary file `<path>.<id>.partial`, and takes off what came after the first `bytes` of it. Undefined: it is
 * shorter than that, so that nothing can be gone on with.
 */
export async function openCsvFile(path: string, id: string, bytes: number): Promise<CsvFile | undefined> {
  const partial = `${path}.${id}.partial`
  await mkdir(dirname(path), { recursive: true })
  const file = await open(partial, 'a')
  const { size } = await file.stat()
  if (size < bytes) {
    await file.close()
    return undefined
  }
  await file.truncate(bytes)
  let length = bytes
  return {
    async append(lines) {
      const text = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      await file.appendFile(text)
      await file.sync()
      length += text.length
      return length
    },
    finish: () => rename(partial, path),
    close: () => file.close(),
  }
}

/** A field as RFC 4180 has it. */
export function csvField(value: string | number): string {
  const text = String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
