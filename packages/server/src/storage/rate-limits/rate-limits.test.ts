import { rateLimitsSuite } from './suite.ts'
import { installationsUnderTest } from './testing/installations-under-test.ts'

for (const installation of await installationsUnderTest()) rateLimitsSuite(installation)
