import { type Int8s, type Int64s, NativeWriter, type Texts } from './native-block.ts'

/** Reads again what `nativeBlock` wrote, column after column. What is not as asked throws. */
export class NativeReader {
  readonly #bytes: Buffer
  readonly #last = new Map<Texts, { bytes: Buffer; places: readonly number[] }>()
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length
  }

  /** Begins a block; returns how many rows it has, one or more. */
  block(columns: number): number {
    const [found, rows] = [this.#varint(), this.#varint()]
    if (found !== columns || rows === 0) throw new Error(`A block has ${found} columns and ${rows} rows`)
    return rows
  }

  /** Begins a column, `head` being what `columnHead` gives for it. */
  column(head: Buffer): void {
    const begin = this.#at
    const end = this.#take(head.length)
    if (head.compare(this.#bytes, begin, end) !== 0) throw new Error(`A block does not have the column ${head}`)
  }

  text(): string {
    const length = this.#varint()
    return this.#bytes.toString('utf8', this.#at, this.#take(length))
  }

  int64s(count: number, into: Int64s): void {
    into.pushAll(this.#view(count * 8))
  }

  int8s(count: number, into: Int8s): void {
    for (const value of this.#view(count)) into.push(value)
  }

  /** The ends of arrays, moved behind those that `into` has; returns how many elements they have. */
  ends(count: number, into: Int64s, base: number): number {
    let end = 0
    for (let i = 0; i < count; i++) {
      end = this.#uint64()
      into.push(base + end)
    }
    return end
  }

  skipInt64s(count: number): void {
    this.#take(count * 8)
  }

  texts(count: number, into: string[]): void {
    for (let i = 0; i < count; i++) into.push(this.text())
  }

  lowCardinality(count: number, into: Texts): void {
    if (count === 0) return
    const width = 1 << (this.#uint64() & 0xff)
    const places = this.#dictionary(into)
    this.#take(8)
    for (let i = 0; i < count; i++) into.pushIndex(places[this.#bytes.readUIntLE(this.#take(width) - width, width)]!)
  }

  /** Where its texts stand in `into`. Blocks that follow each other mostly have the same. */
  #dictionary(into: Texts): readonly number[] {
    const length = this.#uint64()
    const begin = this.#at
    for (let i = 0; i < length; i++) this.#take(this.#varint())
    const bytes = this.#bytes.subarray(begin, this.#at)
    const last = this.#last.get(into)
    if (last?.bytes.equals(bytes)) return last.places
    this.#at = begin
    // The first is the empty text, which stands at 0 in every block.
    const places = Array.from({ length }, () => this.text()).map((text, i) => (i === 0 ? 0 : into.indexOf(text)))
    this.#last.set(into, { bytes, places })
    return places
  }

  #varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#take(1) - 1]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  /** From doubles exact up to 2^53. */
  #uint64(): number {
    const end = this.#take(8)
    return this.#bytes.readUInt32LE(end - 8) + this.#bytes.readUInt32LE(end - 4) * 2 ** 32
  }

  #view(length: number): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#take(length))
  }

  /** Returns where it ends. */
  #take(length: number): number {
    this.#at += length
    if (this.#at > this.#bytes.length) throw new Error('A block ends before its time')
    return this.#at
  }
}

/** What stands before the values of a column. */
export function columnHead(name: string, type: string): Buffer {
  const to = new NativeWriter()
  to.text(name)
  to.text(type)
  return Buffer.from(to.finish())
}
