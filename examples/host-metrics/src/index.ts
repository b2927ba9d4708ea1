export { createOutbox, type Outbox } from './outbox.ts'
export { deviceId, type HostFrame, type HostSample, readHost } from './read-host.ts'
