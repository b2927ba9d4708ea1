import { createClient } from '@nexus/sdk'
import type { Given, Tell } from '../page-server.ts'

/** Does runs until the page is closed. */
export async function run(given: Given, tell: Tell): Promise<void> {
  const worker = createClient(given).worker({ onError: (error) => void tell('failed', error.message) })
  worker.handle<{ n: number }>('double', async ({ parameters, saveCheckpoint }) => {
    await saveCheckpoint({ n: parameters.n })
    return { twice: parameters.n * 2 }
  })
  worker.start()
  await tell('started')
}
