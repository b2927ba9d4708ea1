/** A piece of a guide that a reader may paste. */
export interface Snippet {
  file: string
  line: number
  language: 'sh' | 'ts'
  text: string
  /** The fence right after it: what it prints. */
  answer: { language: string; text: string } | undefined
}

interface Fence {
  line: number
  endLine: number
  language: string
  text: string
}

/**
 * Finds what a Markdown file tells readers to run: every fence marked `sh` or `ts`. A `json`, `csv`, `ndjson` or `text`
 * fence that follows with nothing in between is its answer. What is only to be looked at is marked `console`.
 */
export function snippetsOf(file: string, markdown: string): Snippet[] {
  const fences = fencesOf(markdown)
  return fences.flatMap((fence, i) => {
    const { line, language, text, endLine } = fence
    if (language !== 'sh' && language !== 'ts') return []
    const next = fences[i + 1]
    const follows =
      next !== undefined &&
      ['json', 'csv', 'ndjson', 'text'].includes(next.language) &&
      markdown
        .split('\n')
        .slice(endLine, next.line - 1)
        .every((between) => between.trim() === '')
    return [{ file, line, language, text, answer: follows ? { language: next.language, text: next.text } : undefined }]
  })
}

function fencesOf(markdown: string): Fence[] {
  const fences: Fence[] = []
  let open: { line: number; language: string; lines: string[] } | undefined
  for (const [i, text] of markdown.split('\n').entries()) {
    const mark = /^```(\w*)$/.exec(text)
    if (!mark) open?.lines.push(text)
    else if (!open) open = { line: i + 1, language: mark[1]!, lines: [] }
    else {
      fences.push({ line: open.line, endLine: i + 1, language: open.language, text: open.lines.join('\n') })
      open = undefined
    }
  }
  return fences
}

/** Assignments at the start of a line, which a reader's terminal keeps for the snippets after it. */
export function assignmentsOf(text: string): string[] {
  return text.split('\n').filter((line) => /^[A-Z_]+=\S+$|^[A-Z_]+=\$\(.*\)$/.test(line))
}

/** An answer in the form in which it is compared: ids and moments of this run become their kind. */
export function comparable(language: string, text: string): unknown {
  const settled = text
    .trim()
    .replaceAll('\r\n', '\n')
    .replaceAll(/\b(frame|req|key|cmd|exe|task|run|lease)-[0-9a-zA-Z-]{12,}/g, '<$1>')
    .replaceAll(/\b[\da-f]{32}\b/g, '<trace>')
    .replaceAll(/("time_left_ms": ?)\d+/g, '$1"<time>"')
    .replaceAll(/\bnxs_live_\w+/g, '<api key>')
    .replaceAll(/\b20(2[6-9]|[3-9]\d)-\d\d-\d\dT[\d:.]+Z/g, '<now>')
  return language === 'json' ? JSON.parse(settled) : settled
}
