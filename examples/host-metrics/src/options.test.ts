import { equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { optionsFrom } from './options.ts'

test('the command line goes before the environment', () => {
  const env = { NEXUS_URL: 'http://env', NEXUS_API_KEY: 'env' }
  const options = optionsFrom(['--url', 'http://line', '--interval', '0.5', '--once'], env)
  equal(options.url, 'http://line')
  equal(options.apiKey, 'env')
  equal(options.intervalMs, 500)
  equal(options.count, 1)
})

test('what is missing or wrong is named', () => {
  throws(() => optionsFrom([], { NEXUS_DATA_DIR: '/nowhere' }), /give --key or NEXUS_API_KEY/)
  throws(() => optionsFrom(['--key', 'k', '--interval', 'soon'], {}), /--interval must be a number above 0/)
})
