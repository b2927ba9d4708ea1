import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packPublishable } from './publishable.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'dist')
mkdirSync(folder, { recursive: true })
for (const { name, tarball } of await packPublishable(folder)) console.log(`${name} ${relative(root, tarball)}`)
