/** A text from others without control characters: no escape sequence of theirs may reach the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?')
}
