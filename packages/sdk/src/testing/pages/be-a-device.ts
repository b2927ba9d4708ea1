import { createClient } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** Executes commands until the page is closed. */
export async function run(given: Given, tell: Tell): Promise<void> {
  const device = createClient(given).device('d', { onError: (error) => void tell('failed', error.message) })
  device.on<{ n: number }>('double', ({ parameters }) => ({ twice: parameters.n * 2 }))
  await device.start()
  await tell('started')
}
