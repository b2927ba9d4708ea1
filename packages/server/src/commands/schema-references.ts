/** How many schemas a check may go through at one place of a value, each reference counted with all that it leads to. */
const schemasMax = 1000
/** What holds values, in which nothing is a schema. */
const values = new Set(['enum', 'const', 'default', 'examples'])
/** What is looked at by references alone. */
const definitions = new Set(['definitions', '$defs'])
/** Where keys are names, and each value is a schema. */
const byName = new Set(['properties', 'patternProperties', 'dependencies'])

interface Walk {
  root: object
  /** What was counted before, by reference. */
  counted: Map<string, number>
  /** Where the walk is inside of. */
  open: Set<string>
}

/**
 * What is wrong with the references of a client's schema; undefined: nothing. They lead into the schema itself, and never in a
 * circle, nor to so much, over and over, that a check would hold up the server.
 */
export function referenceFault(schema: object): string | undefined {
  const walk: Walk = { root: schema, counted: new Map(), open: new Set(['#']) }
  try {
    const count = countOf(schema, walk)
    return count > schemasMax ? `comes to more than ${schemasMax} schemas by its references` : undefined
  } catch (cause) {
    if (cause instanceof ReferenceFault) return cause.message
    throw cause
  }
}

class ReferenceFault extends Error {}

function countOf(node: unknown, walk: Walk): number {
  if (typeof node === 'boolean') return 1
  if (typeof node !== 'object' || node === null) return 0
  let count = 1
  for (const [key, child] of Object.entries(node)) {
    if (key === '$ref' && typeof child === 'string') count += countReference(child, walk)
    else if (byName.has(key)) for (const one of Object.values(child ?? {})) count += countOf(one, walk)
    else if (!values.has(key) && !definitions.has(key)) count += countOf(child, walk)
  }
  return Math.min(count, Number.MAX_SAFE_INTEGER)
}

function countReference(reference: string, walk: Walk): number {
  const { root, counted, open } = walk
  const known = counted.get(reference)
  if (known !== undefined) return known
  if (open.has(reference))
    throw new ReferenceFault(`refers to itself by ${reference}: write it out to the depth that is needed`)
  open.add(reference)
  const count = countOf(targetOf(root, reference), walk)
  open.delete(reference)
  counted.set(reference, count)
  return count
}

/** What a reference leads to; https://www.rfc-editor.org/rfc/rfc6901 */
function targetOf(root: object, reference: string): unknown {
  if (!reference.startsWith('#/'))
    throw new ReferenceFault(`refers to ${reference}: a reference begins with #/ and leads into the schema itself`)
  const steps = decodeURIComponent(reference.slice(2)).split('/')
  return steps.reduce<unknown>((node, step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    return typeof node === 'object' && node !== null && Object.hasOwn(node, name)
      ? (node as Record<string, unknown>)[name]
      : undefined
  }, root)
}
