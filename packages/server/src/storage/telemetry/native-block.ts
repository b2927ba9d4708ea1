/**
 * Columns of ClickHouse's Native format (https://clickhouse.com/docs/interfaces/formats/Native): what is collected here
 * is read by the engine as it lies, without parsing. Numbers are written as the machine holds them, which is
 * little-endian, as the format wants it, on every platform that the engine runs on.
 */
export interface NativeColumn {
  name: string
  type: string
  /** What comes before the rows, once a block, ahead of the offsets of an array around it. */
  prefix?(to: NativeWriter): void
  rows(to: NativeWriter): void
}

/** One block: the counts, then each column with its name, its type and its rows. Valid until `to` is used again. */
export function nativeBlock(rows: number, columns: readonly NativeColumn[], to = new NativeWriter()): Buffer {
  to.clear()
  to.varint(columns.length)
  to.varint(rows)
  for (const column of columns) {
    to.text(column.name)
    to.text(column.type)
    if (rows === 0) continue
    column.prefix?.(to)
    column.rows(to)
  }
  return to.finish()
}

export class NativeWriter {
  #bytes = Buffer.allocUnsafe(4096)
  #length = 0

  byte(value: number): void {
    this.#grow(1)
    this.#bytes[this.#length++] = value
  }

  /** LEB128, as for every count of the format. */
  varint(value: number): void {
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.byte((rest & 0x7f) | 0x80)
    this.byte(rest)
  }

  text(text: string): void {
    const length = Buffer.byteLength(text)
    this.varint(length)
    this.#grow(length)
    this.#length += this.#bytes.write(text, this.#length)
  }

  bytes(view: ArrayBufferView): void {
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    this.#grow(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  uint64(value: number): void {
    this.bytes(Uint32Array.of(value >>> 0, Math.floor(value / two32)))
  }

  clear(): void {
    this.#length = 0
    if (this.#bytes.length > keptBytesMax) this.#bytes = Buffer.allocUnsafe(4096)
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  #grow(more: number): void {
    if (this.#length + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }
}

const two32 = 2 ** 32
/** What each part of a block keeps of its room for the next. */
const keptBytesMax = 8 * 1024 * 1024

/** 64-bit whole numbers, signed or not; from doubles exact up to 2^53. */
export class Int64s {
  #halves = new Uint32Array(128)
  #length = 0

  get length(): number {
    return this.#length / 2
  }

  push(value: number): void {
    this.pushHalves(value >>> 0, Math.floor(value / two32))
  }

  pushBig(value: bigint): void {
    this.pushHalves(Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)))
  }

  pushHalves(low: number, high: number): void {
    if (this.#length === this.#halves.length) this.#halves = grown(this.#halves, new Uint32Array(this.#length * 2))
    this.#halves[this.#length++] = low
    this.#halves[this.#length++] = high
  }

  /** As they lie in memory. */
  pushAll(values: Uint8Array): void {
    const length = this.#length + values.length / 4
    if (length > this.#halves.length)
      this.#halves = grown(this.#halves, new Uint32Array(Math.max(length, this.#length * 2)))
    new Uint8Array(this.#halves.buffer).set(values, this.#length * 4)
    this.#length = length
  }

  clear(): void {
    this.#length = 0
    if (this.#halves.byteLength > keptBytesMax) this.#halves = new Uint32Array(128)
  }

  get view(): Uint32Array {
    return this.#halves.subarray(0, this.#length)
  }
}

/** Whole numbers of one byte, signed or not. */
export class Int8s {
  #values = new Uint8Array(256)
  #length = 0

  push(value: number): void {
    if (this.#length === this.#values.length) this.#values = grown(this.#values, new Uint8Array(this.#length * 2))
    this.#values[this.#length++] = value
  }

  clear(): void {
    this.#length = 0
    if (this.#values.byteLength > keptBytesMax) this.#values = new Uint8Array(256)
  }

  get view(): Uint8Array {
    return this.#values.subarray(0, this.#length)
  }
}

/** Texts of which many are the same, each kept once: `LowCardinality(String)`. */
export class Texts {
  readonly #known = new Map<string, number>()
  #indexes = new Uint32Array(64)
  #length = 0

  push(text: string): void {
    this.pushIndex(this.indexOf(text))
  }

  /** The place of a text among those that are kept. */
  indexOf(text: string): number {
    let index = this.#known.get(text)
    if (index === undefined) {
      index = this.#known.size + 1
      this.#known.set(text, index)
    }
    return index
  }

  pushIndex(index: number): void {
    if (this.#length === this.#indexes.length) this.#indexes = grown(this.#indexes, new Uint32Array(this.#length * 2))
    this.#indexes[this.#length++] = index
  }

  clear(): void {
    this.#length = 0
    this.#known.clear()
    if (this.#indexes.byteLength > keptBytesMax) this.#indexes = new Uint32Array(64)
  }

  get indexes(): Uint32Array {
    return this.#indexes.subarray(0, this.#length)
  }

  /** In the order of their indexes, which begin at 1: 0 is the empty text, as the format has it. */
  get known(): string[] {
    return [...this.#known.keys()]
  }
}

function grown<T extends Uint8Array | Uint32Array>(from: T, to: T): T {
  to.set(from)
  return to
}

export function int64Column(name: string, type: 'Int64' | 'UInt64', values: Int64s): NativeColumn {
  return { name, type, rows: (to) => to.bytes(values.view) }
}

export function textColumn(name: string, texts: readonly string[]): NativeColumn {
  return {
    name,
    type: 'String',
    rows(to) {
      for (const text of texts) to.text(text)
    },
  }
}

/** `SharedDictionariesWithAdditionalKeys`, the one version of the format. */
const lowCardinalityVersion = 1
const additionalKeys = 1 << 9
const needsUpdate = 1 << 10

export function lowCardinalityColumn(name: string, texts: Texts): NativeColumn {
  return {
    name,
    type: 'LowCardinality(String)',
    prefix: (to) => to.uint64(lowCardinalityVersion),
    rows(to) {
      const { known, indexes } = texts
      if (indexes.length === 0) return
      const [width, narrowed] = narrow(indexes, known.length)
      to.uint64(width | additionalKeys | needsUpdate)
      to.uint64(known.length + 1)
      to.text('')
      for (const text of known) to.text(text)
      to.uint64(indexes.length)
      to.bytes(narrowed)
    },
  }
}

/** Indexes are as wide as the largest needs: 0 is one byte, 1 two, 2 four. */
function narrow(indexes: Uint32Array, max: number): [width: number, indexes: ArrayBufferView] {
  if (max < 1 << 8) return [0, Uint8Array.from(indexes)]
  return max < 1 << 16 ? [1, Uint16Array.from(indexes)] : [2, indexes]
}

/** An array a row; `ends` tells where each row's elements end among all of them. */
export function arrayColumn(ends: Int64s, elements: NativeColumn): NativeColumn {
  return {
    name: elements.name,
    type: `Array(${elements.type})`,
    prefix: (to) => elements.prefix?.(to),
    rows(to) {
      to.bytes(ends.view)
      elements.rows(to)
    },
  }
}

/** A map a row; as `arrayColumn`, of keys and values. */
export function mapColumn(
  name: string,
  ends: Int64s,
  keys: readonly string[],
  values: readonly string[],
): NativeColumn {
  return {
    name,
    type: 'Map(String, String)',
    rows(to) {
      to.bytes(ends.view)
      for (const text of keys) to.text(text)
      for (const text of values) to.text(text)
    },
  }
}

export function int8Column(name: string, type: 'Int8' | 'UInt8', values: Int8s): NativeColumn {
  return { name, type, rows: (to) => to.bytes(values.view) }
}
