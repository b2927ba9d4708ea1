/** One import as a source file writes it. */
export interface Import {
  specifier: string
  /** Nothing of it is left at run time. */
  typeOnly: boolean
  line: number
}

const tokens = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
const fromClause =
  /(?:^|[;\n}])\s*(?:import|export)\s+(type\s+)?((?:[\w$*\s,]|\{[^}]*\})*?)\s*\bfrom\s*['"]([^'"]+)['"]/g
const bareImport = /(?:^|[;\n])\s*import\s*['"]([^'"]+)['"]/g
const call = /\b(import|require|resolve)\s*\(\s*['"`]([^'"`]+)['"`]/g

/** Every import of a source text: static, type, side effect, `export from`, dynamic, and `require`. */
export function importsOf(source: string): Import[] {
  const text = withoutComments(source)
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean, index: number) =>
    found.push({ specifier, typeOnly, line: text.slice(0, index).split('\n').length })
  for (const match of text.matchAll(fromClause)) {
    add(match[3]!, match[1] !== undefined || onlyTypes(match[2]!), match.index + match[0].length)
  }
  for (const match of text.matchAll(bareImport)) add(match[1]!, false, match.index + match[0].length)
  for (const match of text.matchAll(call)) {
    const typeQuery =
      /(?:typeof|[:<|&]|\bas|\btype\s+\w+(?:<[^=]*>)?\s*=)\s*$/.test(text.slice(0, match.index)) &&
      match[1] === 'import'
    add(match[2]!, typeQuery, match.index)
  }
  return found
}

/** Lines, from one, on which the code itself (not a comment or a quoted text) reads the environment. */
export function environmentReads(source: string): number[] {
  const text = withoutComments(source).replaceAll(tokens, (token) => (token[0] === '`' ? token : "''"))
  const reads =
    /\bprocess\s*(?:\?\.|\.)\s*env\b|\{[^}=]*\benv\b[^}=]*\}\s*=\s*process\b|\bimport\s*\{[^}]*\benv\b[^}]*\}\s*from\s*''/g
  return [...text.matchAll(reads)].map((match) => text.slice(0, match.index).split('\n').length)
}

/** Blanks comments but keeps their line breaks, so that line numbers hold. */
export function withoutComments(source: string): string {
  return source.replaceAll(tokens, (token) =>
    token.startsWith('//') || token.startsWith('/*') ? token.replaceAll(/[^\n]/g, ' ') : token,
  )
}

function onlyTypes(clause: string): boolean {
  const named = clause.trim().match(/^\{([^}]*)\}$/)
  if (!named) return false
  const names = named[1]!.split(',').filter((name) => name.trim() !== '')
  return names.length > 0 && names.every((name) => /^\s*type\s/.test(name))
}
