export interface StopOptions {
  /** How long what is under way may go on before its signal is aborted; 10 seconds unless told. */
  graceMs?: number
  /** How long it may then take to end, and as long again its reports to arrive; 5 seconds unless told. */
  lastWordsMs?: number
}

export const stopDefaults: Required<StopOptions> = { graceMs: 10_000, lastWordsMs: 5000 }
