import { invalid } from './failure.ts'

/** A character, and whether a backslash took away its meaning. */
export interface Token {
  char: string
  plain: boolean
}

/** Reads a text in which a backslash takes the next character as it is; INVALID_REQUEST if there is no next one. */
export function readEscapes(text: string, field: string): Token[] {
  const tokens: Token[] = []
  for (let i = 0; i < text.length; i++) {
    const escaped = text[i] === '\\'
    if (escaped && ++i === text.length) throw invalid(field, 'ends in a lone backslash: expected a character after it')
    tokens.push({ char: text[i]!, plain: escaped })
  }
  return tokens
}

/** Cuts at every separator that keeps its meaning. */
export function splitTokens(tokens: readonly Token[], separator: string): Token[][] {
  const parts: Token[][] = [[]]
  for (const token of tokens) {
    if (token.char === separator && !token.plain) parts.push([])
    else parts.at(-1)!.push(token)
  }
  return parts
}

export function textOf(tokens: readonly Token[]): string {
  return tokens.map((token) => token.char).join('')
}

/** The entries of a comma-separated list, without the blanks around them; a backslash takes the next character as it is. */
export function readCommaList(text: string, field: string): string[] {
  return splitTokens(readEscapes(text, field), ',').map((tokens) => {
    const isKept = ({ char, plain }: Token) => plain || char.trim() !== ''
    return textOf(tokens.slice(tokens.findIndex(isKept), tokens.findLastIndex(isKept) + 1))
  })
}
