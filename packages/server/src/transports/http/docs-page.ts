import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** One file of the documentation page. */
export interface DocsAsset {
  /** The path of its URL. */
  path: string
  contentType: string
  body: Buffer
}

/**
 * The policy of `/docs` alone. Swagger UI writes style attributes and draws icons from data: URLs; scripts come from
 * our own files and no page may frame it.
 */
export const docsContentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Nexus API</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="page"></div>
    <noscript>This page needs JavaScript; the document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/page.js"></script>
  </body>
</html>
`

// No key is kept in the browser (persistAuthorization), and no URL from outside is opened (queryConfigEnabled).
const script = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#page',
  deepLinking: true,
  docExpansion: 'list',
  defaultModelsExpandDepth: 0,
  displayOperationId: true,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
  syntaxHighlight: { activated: true, theme: 'agate' },
})
`

/** Loads the documentation page: all of it from our own files, so that it works without a network. */
export function docsAssets(): DocsAsset[] {
  return [
    { path: '/docs', contentType: 'text/html; charset=utf-8', body: Buffer.from(page) },
    { path: '/docs/page.js', contentType: 'text/javascript; charset=utf-8', body: Buffer.from(script) },
    fromPackage('swagger-ui-bundle.js', 'text/javascript; charset=utf-8'),
    fromPackage('swagger-ui.css', 'text/css; charset=utf-8'),
  ]
}

function fromPackage(name: string, contentType: string): DocsAsset {
  const file = createRequire(import.meta.url).resolve(`swagger-ui-dist/${name}`)
  return { path: `/docs/${name}`, contentType, body: readFileSync(file) }
}
