/** Where the events of one thing, such as a command, are in the log. */
export interface Trail {
  /** The event before its first one. */
  after: string
  /** Its last event; undefined: it has not ended. */
  last: string | undefined
}

export function trailFrom(first: string, last: string | undefined): Trail {
  return { after: `evt-${Number(first.slice('evt-'.length)) - 1}`, last }
}
