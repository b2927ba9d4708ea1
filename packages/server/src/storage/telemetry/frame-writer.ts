import type { BlockWriter, FramesToWrite, FrameWriter, ReadFrame, WrittenFrames } from '../../telemetry/ports.ts'
import { FrameBlock } from './frame-block.ts'
import { createLabelSets, type Definition, type LabelSet, metadataSetsBlock, tagSetsBlock } from './label-sets.ts'

/** Writes accepted frames as blocks of `frames`, `tag_sets` and `metadata_sets`; see `FrameWriter`. */
export function createFrameWriter(): FrameWriter {
  const block = new FrameBlock()
  const tags = createLabelSets()
  const metadata = createLabelSets()
  let newTags: Definition<Record<string, string>>[] = []
  let newMetadata: Definition<Record<string, unknown>>[] = []

  const tagSetOf = (set: ReadFrame['tags']) =>
    tags.intern(set, (id, sorted) => newTags.push([id, sorted as Record<string, string>]))
  const metadataSetOf = (set: ReadFrame['metadata']) =>
    metadata.intern(set, (id, sorted) => newMetadata.push([id, sorted]))
  const blockOf = (part: FramesToWrite): Uint8Array => {
    if (isWritten(part)) {
      for (const set of part.tags) tagSetOf(set)
      for (const set of part.metadata) metadataSetOf(set)
      return part.block
    }
    block.clear()
    for (const frame of part) block.add(frame, tagSetOf(frame.tags), metadataSetOf(frame.metadata))
    return block.finish()
  }
  return {
    write(parts) {
      newTags = []
      newMetadata = []
      return {
        block: joined(parts, blockOf),
        tagSets: newTags.length === 0 ? none : tagSetsBlock(newTags),
        metadataSets: newMetadata.length === 0 ? none : metadataSetsBlock(newMetadata),
        newTagSets: newTags.map(([{ id }, tags]) => ({ id, tags })),
      }
    },
    forget() {
      tags.forget()
      metadata.forget()
    },
  }
}

export function createBlockWriter(): BlockWriter<LabelSet> {
  const block = new FrameBlock()
  const sets = createLabelSets()
  return {
    begin: () => block.clear(),
    setOf: (labels) => sets.intern(labels, () => {}),
    add: (frame, tags, metadata) => block.add(frame, tags, metadata),
    take: () => new Uint8Array(block.finish()),
  }
}

const none: Buffer = Buffer.alloc(0)

function isWritten(part: FramesToWrite): part is WrittenFrames {
  return 'block' in part
}

/** A block may be followed by others: together they are read as one stream. */
function joined(parts: readonly FramesToWrite[], blockOf: (part: FramesToWrite) => Uint8Array): Buffer {
  const [only] = parts
  if (only && parts.length === 1) return bufferOf(blockOf(only))
  return Buffer.concat(parts.map((part) => (isWritten(part) ? blockOf(part) : Buffer.from(blockOf(part)))))
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength)
}
