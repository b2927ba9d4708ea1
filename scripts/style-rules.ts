import { isTest, type Sources, type Violation } from './architecture.ts'
import { withoutComments } from './imports.ts'

const linesMax = 400
const commentColumnsMax = 128
const banned = /(^|[-.])(utils?|helpers?|common|manager|base|misc)(?=[-.])/

/** House style that no linter knows: the file ceiling, the width of comments, banned names, and one name for one function. */
export function styleViolationsOf(sources: Sources): Violation[] {
  return [...tooLong(sources), ...tooWide(sources), ...badlyNamed(sources), ...twins(sources)]
}

function tooLong(sources: Sources): Violation[] {
  return [...sources]
    .map(([file, source]) => ({ file, line: source.trimEnd().split('\n').length }))
    .filter(({ line }) => line > linesMax)
    .map((long) => ({
      ...long,
      problem: `has ${long.line} lines; the ceiling is ${linesMax}`,
      mend: 'split it by subject',
    }))
}

/** Comments, which the formatter leaves as they are; a line of one word, such as an address, cannot be wrapped. */
function tooWide(sources: Sources): Violation[] {
  return [...sources].flatMap(([file, source]) =>
    source.split('\n').flatMap((text, i): Violation[] => {
      if (text.length <= commentColumnsMax || !/^\s*(?:\/\/|\/?\*+) +\S+ +\S/.test(text)) return []
      const problem = `has a comment of more than ${commentColumnsMax} columns`
      return [{ file, line: i + 1, problem, mend: 'wrap it' }]
    }),
  )
}

function badlyNamed(sources: Sources): Violation[] {
  return [...sources.keys()]
    .filter((file) => file.split('/').some((part) => banned.test(`${part}.`)))
    .map((file) => ({ file, line: 1, problem: 'has a name that says nothing', mend: 'name it after its main export' }))
}

/** Two exported functions of one name are one function written twice, or two subjects under one word. */
function twins(sources: Sources): Violation[] {
  const first = new Map<string, string>()
  const found: Violation[] = []
  for (const [file, source] of sources) {
    if (isTest(file) || !file.startsWith('packages/')) continue
    const text = withoutComments(source)
    const names = new Set<string>()
    for (const match of text.matchAll(/^export (?:async )?(?:function\*? |const )([\w$]+)/gm)) {
      const [declaration, name] = [match[0], match[1]!]
      const isFunction =
        !declaration.includes('const ') ||
        /^\s*(?::[^=\n]+)?=\s*(?:async\s*)?(?:\([^)]*\)|\w+)\s*(?::[^=\n]+)?=>/.test(
          text.slice(match.index + declaration.length),
        )
      if (!isFunction || names.has(name)) continue
      names.add(name)
      const other = first.get(name)
      const line = text.slice(0, match.index).split('\n').length
      if (other)
        found.push({
          file,
          line,
          problem: `exports ${name}(), as ${other} does`,
          mend: 'use the one that is there, or name what differs',
        })
      else first.set(name, file)
    }
  }
  return found
}
