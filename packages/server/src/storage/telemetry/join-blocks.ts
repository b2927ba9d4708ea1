import { setImmediate as nextTurn } from 'node:timers/promises'
import { FrameBlock } from './frame-block.ts'
import { NativeReader } from './native-reader.ts'

/** Some two hundred frames: of larger blocks the engine reads most of the time what they hold. */
const smallBytesMax = 32 * 1024
/** How much of small blocks becomes one, within one turn of the event loop. */
const joinedBytesMax = 1024 * 1024

/**
 * The same frames in fewer blocks, in their order. The log has a block for each commit, often of a few frames or one, and the
 * engine takes a fixed time for each block, as long as for some thirty frames.
 */
export async function joinBlocks(blocks: readonly Buffer[]): Promise<Buffer[]> {
  const joined: Buffer[] = []
  for (const run of runsOf(blocks)) {
    if (run.length === 1) joined.push(run[0]!)
    else {
      joined.push(oneOf(run))
      await nextTurn()
    }
  }
  return joined
}

function* runsOf(blocks: readonly Buffer[]): Generator<Buffer[]> {
  let run: Buffer[] = []
  let bytes = 0
  for (const block of blocks) {
    const isSmall = block.length <= smallBytesMax
    if (run.length > 0 && (!isSmall || bytes + block.length > joinedBytesMax)) {
      yield run
      run = []
      bytes = 0
    }
    run.push(block)
    bytes += isSmall ? block.length : joinedBytesMax
  }
  if (run.length > 0) yield run
}

function oneOf(blocks: readonly Buffer[]): Buffer {
  const joined = new FrameBlock()
  const from = new NativeReader(Buffer.concat(blocks))
  while (from.hasMore) joined.addBlock(from)
  return joined.finish()
}
