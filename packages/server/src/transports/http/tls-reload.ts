import { readFileSync, statSync } from 'node:fs'
import { Server } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { createLoop, type Loop } from '../../core/loop.ts'

const restMs = 10_000

/** Takes up a renewed certificate within ten seconds, for new connections, without a restart. */
export function createTlsReload(
  files: { tlsCert: string | undefined; tlsKey: string | undefined },
  app: FastifyInstance,
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void },
): Loop {
  const { tlsCert, tlsKey } = files
  if (tlsCert === undefined || tlsKey === undefined) return { start: () => {}, stop: async () => {} }
  const stamp = () => `${statSync(tlsCert).mtimeMs} ${statSync(tlsKey).mtimeMs}`
  let known = stamp()
  return createLoop({
    restMs,
    async run() {
      const found = stamp()
      if (found === known || !(app.server instanceof Server)) return
      app.server.setSecureContext({ cert: readFileSync(tlsCert), key: readFileSync(tlsKey), minVersion: 'TLSv1.3' })
      known = found
      log.info({ file: tlsCert }, 'Took up a new certificate')
    },
    onError: (err) => log.error({ err }, 'The new certificate cannot be used; the old one stays'),
  })
}
