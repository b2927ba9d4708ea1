/**
 * How a handler says that a command failed: the code is stable and the device's own word. What a command's signal is aborted
 * with is one too: `cancelled`, `lease_lost`, `deadline_exceeded` or `device_stopped`.
 */
export class DeviceError extends Error {
  override readonly name = 'DeviceError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
