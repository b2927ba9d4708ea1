import { parseArgs } from 'node:util'
import { chosen, positive } from './option-values.ts'

/** What a benchmark can be told beside `--quick`, `--work-dir` and `--write-docs`. */
export interface KnownArguments<System, Part, Amount extends string, Text extends string> {
  /** Of `--systems`; unless told, all of them. */
  systems: readonly System[]
  /** Of `--parts`; unless told, all of them. */
  parts: readonly Part[]
  /** Options that are numbers above 0, with what they are unless told. */
  full: Record<Amount, number>
  /** The same with `--quick`. */
  quick: Record<Amount, number>
  /** Further options. */
  texts?: readonly Text[]
}

export interface BenchArguments<System, Part, Amount extends string, Text extends string> {
  systems: System[]
  parts: Set<Part>
  amounts: Record<Amount, number>
  texts: Partial<Record<Text, string>>
  writeDocs: boolean
  /** Where the data folders are made; the system's temporary folder unless told. */
  workDir: string | undefined
}

const flags = { quick: { type: 'boolean', default: false }, 'write-docs': { type: 'boolean', default: false } } as const
const text = { type: 'string' } as const
type Values = Record<keyof typeof flags, boolean>

/** Reads the arguments of a benchmark. Throws for those that it does not know. */
export function benchArguments<
  System extends { name: string },
  Part extends string,
  Amount extends string,
  Text extends string = never,
>(
  args: string[],
  { systems, parts, full, quick, texts = [] }: KnownArguments<System, Part, Amount, Text>,
): BenchArguments<System, Part, Amount, Text> {
  const amounts = Object.keys(full) as Amount[]
  const named = ['systems', 'parts', 'work-dir', ...amounts, ...texts].map((name) => [name, text])
  const { values } = parseArgs({ args, options: { ...flags, ...Object.fromEntries(named) } })
  const { quick: isQuick, 'write-docs': writeDocs } = values as Values
  const told = values as Record<string, string | undefined>
  const defaults = isQuick ? quick : full
  const amountOf = (name: Amount) => positive(`--${name}`, told[name], defaults[name])
  return {
    systems: chosen('--systems', told.systems, systems, ({ name }) => name),
    parts: new Set(chosen('--parts', told.parts, parts, (part) => part)),
    amounts: Object.fromEntries(amounts.map((name) => [name, amountOf(name)])) as Record<Amount, number>,
    texts: Object.fromEntries(texts.map((name) => [name, told[name]])) as Partial<Record<Text, string>>,
    writeDocs,
    workDir: told['work-dir'],
  }
}
