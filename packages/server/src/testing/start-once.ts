import { startNexus } from '../compose.ts'
import { testConfig, testHasher } from './nexus.ts'

/** Starts a server in the folder that is named, as tests do, and stops it. */
const nexus = await startNexus(testConfig(process.argv[2]!), testHasher)
await nexus.stop()
