import { type Handlers, prepared } from '../core/invoke.ts'
import { deleteDevice } from './delete.ts'
import { type DeviceDeps, prepareChange } from './deps.ts'
import { getDevice } from './get.ts'
import { listDevices } from './list.ts'
import { putDevice } from './put.ts'
import { updateDevice } from './update.ts'

export type DeviceHandlers = Pick<
  Handlers,
  'devices.list' | 'devices.get' | 'devices.put' | 'devices.update' | 'devices.delete'
>

export function deviceHandlers(deps: DeviceDeps): DeviceHandlers {
  return {
    'devices.list': (ctx, input) => listDevices(deps, ctx, input),
    'devices.get': (ctx, input) => getDevice(deps, ctx, input),
    'devices.put': prepared({
      prepare: (ctx, input) => prepareChange(deps, ctx, input),
      run: (ctx, input) => putDevice(deps, ctx, input),
    }),
    'devices.update': prepared({
      prepare: (ctx, input) => prepareChange(deps, ctx, input),
      run: (ctx, input) => updateDevice(deps, ctx, input),
    }),
    'devices.delete': prepared({
      prepare: (ctx, input) => prepareChange(deps, ctx, input),
      run: (ctx, input) => deleteDevice(deps, ctx, input),
    }),
  }
}
