/** The specification's categories ("Command Categories"). */
export const commandCategories = ['system', 'service', 'data', 'diagnostic', 'custom'] as const
export type CommandCategory = (typeof commandCategories)[number]

/** The commands that the specification names, by category; any other name is `custom` unless it is defined. */
export const wellKnownCommands = {
  restart: 'system',
  shutdown: 'system',
  start: 'service',
  stop: 'service',
  reload: 'service',
  backup: 'data',
  restore: 'data',
  sync: 'data',
  health_check: 'diagnostic',
  logs: 'diagnostic',
} as const satisfies Record<string, CommandCategory>

/** `on_result`: of a category a device runs one at a time, in the order in which they came; `none`: all at once. */
export const deliveryOrders = ['on_result', 'none'] as const
export type DeliveryOrder = (typeof deliveryOrders)[number]

/** When a command waits for somebody's consent: never, where it has more than one target, or always. */
export const approvalRules = ['never', 'many_targets', 'always'] as const
export type ApprovalRule = (typeof approvalRules)[number]

export interface CommandPolicy {
  /** How long a command may wait for its device. */
  ttl_seconds: number
  /**
   * How often a device is given it at most: again if the device was lost with it, or does not have it when it comes back. 1: at
   * most once, so that it ends as `outcome_unknown` where nobody knows whether it arrived.
   */
  max_attempts: number
  /** How long a device may take for it. */
  timeout_seconds: number
  order: DeliveryOrder
  approval: ApprovalRule
}

/** What holds for a command unless its definition or the request says otherwise. */
export const categoryPolicies = {
  system: { ttl_seconds: 300, max_attempts: 1, timeout_seconds: 60, order: 'on_result', approval: 'many_targets' },
  service: { ttl_seconds: 3600, max_attempts: 3, timeout_seconds: 60, order: 'on_result', approval: 'never' },
  data: { ttl_seconds: 86_400, max_attempts: 2, timeout_seconds: 3600, order: 'on_result', approval: 'never' },
  diagnostic: { ttl_seconds: 60, max_attempts: 3, timeout_seconds: 30, order: 'none', approval: 'never' },
  custom: { ttl_seconds: 3600, max_attempts: 1, timeout_seconds: 60, order: 'none', approval: 'never' },
} as const satisfies Record<CommandCategory, CommandPolicy>

export const commandLimits = {
  nameLengthMax: 128,
  parametersBytesMax: 64 * 1024,
  resultBytesMax: 192 * 1024,
  targetsMax: 10_000,
  /** Roll-outs at a time that a metric may abort. */
  watchedRolloutsMax: 1000,
  deviceIdsMax: 1000,
  ttlSecondsMax: 30 * 86_400,
  timeoutSecondsMax: 7 * 86_400,
  attemptsMax: 100,
  waitSecondsMax: 120,
  leaseMax: 100,
  haveMax: 1000,
  logLinesMax: 1000,
  logLineLengthMax: 8192,
  /** Of one execution; what comes beyond is dropped, and counted. */
  logBytesMax: 1024 * 1024,
  messageLengthMax: 1024,
  schemaBytesMax: 16 * 1024,
  /** How long after its end a result still counts. */
  lateHours: 24,
} as const
