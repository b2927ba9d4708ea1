import type { FrameWriter } from '../../telemetry/ports.ts'
import { FrameBlock } from './frame-block.ts'
import { createLabelSets, type Definition, metadataSetsBlock, tagSetsBlock } from './label-sets.ts'

/** Writes accepted frames as blocks of `frames`, `tag_sets` and `metadata_sets`; see `FrameWriter`. */
export function createFrameWriter(): FrameWriter {
  const block = new FrameBlock()
  const tags = createLabelSets()
  const metadata = createLabelSets()

  return {
    write(frames) {
      block.clear()
      const newTags: Definition<Record<string, string>>[] = []
      const newMetadata: Definition<Record<string, unknown>>[] = []
      for (const frame of frames) {
        const tagSet = tags.intern(frame.tags, (set, sorted) => newTags.push([set, sorted as Record<string, string>]))
        const metadataSet = metadata.intern(frame.metadata, (set, sorted) => newMetadata.push([set, sorted]))
        block.add(frame, tagSet, metadataSet)
      }
      return {
        block: block.finish(),
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

const none: Buffer = Buffer.alloc(0)
