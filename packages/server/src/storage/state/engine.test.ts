import { stateSuite } from './suite.ts'
import { enginesUnderTest } from './testing/engines-under-test.ts'

for (const engine of await enginesUnderTest()) stateSuite(engine)
