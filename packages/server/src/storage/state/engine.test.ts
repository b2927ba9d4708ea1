import { enginesUnderTest } from './engines-under-test.ts'
import { stateSuite } from './suite.ts'

for (const engine of await enginesUnderTest()) stateSuite(engine)
