const word = /^[A-Za-z][\w.-]{0,63}$/

/**
 * What a device or a worker calls its failure, as a reason: its code if that is a word, for what else it says is sealed with
 * the error.
 */
export function reasonWord(code: string | undefined): string {
  return code !== undefined && word.test(code) ? code : 'failed'
}
