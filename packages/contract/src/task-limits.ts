export const taskLimits = {
  nameLengthMax: 128,
  descriptionLengthMax: 4096,
  parametersBytesMax: 64 * 1024,
  resultBytesMax: 192 * 1024,
  checkpointBytesMax: 64 * 1024,
  tagsMax: 50,
  tagLengthMax: 256,
  dependenciesMax: 100,
  /** How many tasks may stand behind one another by their dependencies. */
  chainMax: 100,
  eventTypesMax: 50,
  retriesMax: 100,
  delaySecondsMax: 7 * 86_400,
  timeoutSecondsMax: 7 * 86_400,
  waitSecondsMax: 30 * 86_400,
  backfillMax: 1000,
  misfireMax: 1000,
  /** The newest of the ticks that were missed are told one by one, and those before them as one. */
  missedRunsMax: 100,
  scheduleCountMax: 100,
  /** Runs of one task that have not ended. */
  activeRunsMax: 10_000,
  /** Tasks that events trigger. */
  eventTasksMax: 10_000,
  /** How many runs one event may lead to, one after another. */
  causalDepthMax: 8,
  queuesMax: 16,
  namesMax: 100,
  leaseMax: 100,
  /** Of parameters and checkpoints that one answer gives; always one run. */
  ordersBytesMax: 4 * 1024 * 1024,
  /** Of parameters with their templates replaced. */
  resolvedBytesMax: 1024 * 1024,
  leaseSeconds: 30,
  pollSecondsMax: 60,
  heldMax: 1000,
  /** Ends of runs in one report, and how large it may be. */
  endsMax: 100,
  reportBytesMax: 1024 * 1024,
  /** Whose answers never came, in one call. */
  pollsMax: 20,
  logLinesMax: 1000,
  logLineLengthMax: 8192,
  /** Of one run; older lines are dropped, and counted. */
  logBytesMax: 1024 * 1024,
  messageLengthMax: 1024,
  /** Of the message of an error as much is kept; more may be said. */
  errorMessageLengthMax: 8192,
  errorMessageSaidMax: 64 * 1024,
} as const
