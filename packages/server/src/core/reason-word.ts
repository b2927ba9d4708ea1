const word = /^[A-Za-z][\w.-]{0,63}$/

/** Why an attempt failed of which nobody knows how far it went, where another one may follow; only the engine says so. */
export const workerLostReason = 'worker_lost'

/**
 * What a device or a worker calls its failure, as a reason: its code if that is a word, for what else it says is sealed with
 * the error.
 */
export function reasonWord(code: string | undefined): string {
  return code !== undefined && word.test(code) && code !== workerLostReason ? code : 'failed'
}
