const text = (description: string) => ({ description, content: { 'text/plain': { schema: { type: 'string' } } } })
const status = (description: string) => ({
  description,
  content: {
    'application/json': {
      schema: { type: 'object', properties: { status: { type: 'string' } }, required: ['status'] },
    },
  },
})
const open = { tags: ['server'], security: [] }

/** Endpoints that need no key and are no operations: a load balancer and a scraper ask for them. */
export const probePaths = {
  '/healthz': {
    get: {
      ...open,
      operationId: 'server.health',
      summary: 'Whether the process is alive',
      responses: { 200: status('Alive') },
    },
  },
  '/readyz': {
    get: {
      ...open,
      operationId: 'server.ready',
      summary: 'Whether it takes requests: engines open, recovery done',
      responses: { 200: status('Ready'), 503: status('Starting or stopping') },
    },
  },
  '/metrics': {
    get: {
      ...open,
      operationId: 'server.metrics',
      summary: 'Metrics of the server, in the text format of Prometheus',
      responses: { 200: text('The metrics') },
    },
  },
}
