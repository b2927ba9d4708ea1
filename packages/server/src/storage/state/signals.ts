/**
 * What processes over one state tell each other, so that none has to look for it all the time. Hints: any of them may
 * be lost, and whoever listens also looks by itself now and then.
 */
export interface Signals {
  /** Tells the others, soon, and together with what is told meanwhile. */
  tell(topic: string, text: string): void
  /** `hear` is told what others tell of the topic; one a topic. */
  listen(topic: string, hear: (texts: readonly string[]) => void): void
  /** This process serves from now on. */
  serve(): void
  /** Whether another process serves over this state. */
  areOthersServing(): Promise<boolean>
  close(): Promise<void>
}

/** Where there is but one process. */
export const noSignals: Signals = {
  tell: () => {},
  listen: () => {},
  serve: () => {},
  areOthersServing: async () => false,
  close: async () => {},
}
