import type { DeviceReportType, ExecutionStanding, Input } from '@nexus/contract'
import { deviceLimits, deviceReports } from '../contract-data.ts'
import type { Courier, ReportLink } from '../courier.ts'
import type { Invoke } from '../namespaces.ts'
import type { PaceLimits } from '../pace.ts'

/** What a device says of an execution. */
export type DeviceReport = {
  [T in DeviceReportType]: { type: T; payload: Input<(typeof deviceReports)[T]> }
}[DeviceReportType]

export type DeviceLink = ReportLink<DeviceReport, ExecutionStanding>
export type DeviceCourier = Courier<DeviceReport, ExecutionStanding>

/** Below what the server takes, so that subscriptions and pings have their part. */
export const devicePace: PaceLimits = {
  atOnce: deviceLimits.reportsAtOnce,
  perSecond: deviceLimits.messagesPerSecond * 0.8,
}

/** Reports as calls of their own. */
export function httpLink(invoke: Invoke): DeviceLink {
  return {
    keepsLeases: false,
    isOver: false,
    report: ({ type, payload }) =>
      (invoke as (id: string, input: object) => Promise<ExecutionStanding>)(deviceReports[type], payload),
  }
}
