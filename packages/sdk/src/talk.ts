import type { Courier } from './courier.ts'

export interface TalkDeps<Report, Standing> {
  courier: Pick<Courier<Report, Standing>, 'send'>
  /** What there is to say now; asked until there is nothing. */
  next(): Report | undefined
  confirmed(report: Report, standing: Standing): void | Promise<void>
  /** Saying it again would not help. */
  refused(report: Report, error: Error): void
}

/** Says what there is to say, one thing after the other. */
export class Talk<Report, Standing> {
  readonly #deps: TalkDeps<Report, Standing>
  #isUnderWay = false

  constructor(deps: TalkDeps<Report, Standing>) {
    this.#deps = deps
  }

  /** There may be something to say. */
  async go(): Promise<void> {
    if (this.#isUnderWay) return
    this.#isUnderWay = true
    const { courier, next, confirmed, refused } = this.#deps
    while (next()) {
      let said: Report | undefined
      try {
        const standing = await courier.send(() => {
          said = next()
          return said
        })
        if (!standing) break
        await confirmed(said!, standing)
      } catch (error) {
        refused(said!, error as Error)
      }
    }
    this.#isUnderWay = false
  }
}
