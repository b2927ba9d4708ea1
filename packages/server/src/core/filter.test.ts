import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Failure } from './failure.ts'
import { compileFilter, textsRequired } from './filter.ts'

const event = {
  device_id: 'd1',
  tags: { region: 'eu', 'rack.row': '7' },
  metrics: { cpu_usage: 91.5, 'disk.free': 3, up: true, name: 'b', list: [1, 'x'], none: null },
}

const cases: [filter: object, holds: boolean][] = [
  [{}, true],
  [{ device_id: 'd1' }, true],
  [{ device_id: ['d2', 'd1'], 'tags.region': 'eu' }, true],
  [{ device_id: 'd1', 'tags.region': 'us' }, false],
  [{ 'metrics.cpu_usage': { $gt: 80, $lte: 91.5 } }, true],
  [{ 'metrics.cpu_usage': { $gt: '80' } }, false],
  [{ 'metrics.disk.free': 3 }, true],
  [{ tags: { region: 'eu' }, metrics: { cpu_usage: { $gt: 80 }, disk: { free: [2, 3] } } }, true],
  [{ tags: { region: 'eu', 'rack.row': '8' } }, false],
  [{ 'tags.rack.row': { $prefix: '7' } }, true],
  [{ 'metrics.name': { $gte: 'b', $lt: 'c' } }, true],
  [{ 'metrics.list': 'x' }, true],
  [{ 'metrics.list': { $nin: [1] } }, false],
  [{ 'metrics.up': true, 'metrics.none': null }, true],
  [{ missing: null }, false],
  [{ missing: { $exists: false } }, true],
  [{ missing: { $ne: 1 } }, true],
  [{ device_id: { $not: { $prefix: 'd' } } }, false],
  [{ $or: [{ device_id: 'd2' }, { 'tags.region': { $in: ['eu'] } }] }, true],
  [{ $and: [{ device_id: 'd1' }, { $not: { 'tags.region': 'us' } }] }, true],
  [{ constructor: { $exists: true } }, false],
  [{ 'tags.toString': { $exists: true } }, false],
  [{ 'device_id.length': { $exists: true } }, false],
]

for (const [filter, holds] of cases)
  test(`the filter ${JSON.stringify(filter)} ${holds ? 'holds' : 'does not hold'}`, () => {
    equal(compileFilter(filter)(event), holds)
  })

const refused: [filter: unknown, field: string, issue: RegExp][] = [
  ['x', 'filters', /must be an object/],
  [[], 'filters', /must be an object/],
  [{ a: {} }, 'filters.a', /at least one operator/],
  [{ a: { $near: 1 } }, 'filters.a.$near', /is no operator: expected one of \$eq/],
  [{ a: { b: {} } }, 'filters.a.b', /at least one operator/],
  [{ a: { $gt: 1, b: 1 } }, 'filters.a.b', /is no operator/],
  [{ a: { b: { c: { d: { e: { f: 1 } } } } } }, 'filters.a.b.c.d.e', /deeper than 5/],
  [{ $near: 1 }, 'filters.$near', /expected a path, \$and, \$or or \$not/],
  [{ $or: { a: 1 } }, 'filters.$or', /a list of filters/],
  [{ $or: [] }, 'filters.$or', /a list of filters/],
  [{ $or: [{ a: 1 }, { b: { $gt: null } }] }, 'filters.$or.1.b.$gt', /a number or a string/],
  [{ a: [1, {}] }, 'filters.a.1', /a string, a number, true, false or null/],
  [{ a: { $in: 'x' } }, 'filters.a.$in', /must be a list/],
  [{ a: { $exists: 1 } }, 'filters.a.$exists', /true or false/],
  [{ '': 1 }, 'filters.', /1 to 256 characters/],
  [{ 'a.b.c.d.e.f.g.h.i': 1 }, 'filters.a.b.c.d.e.f.g.h.i', /more than 8 parts/],
  [{ $not: { $not: { $not: { $not: { $not: {} } } } } }, 'filters.$not.$not.$not.$not.$not', /deeper than 5/],
  [Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`a${i}`, 1])), 'filters.a32', /more than the 32/],
]

for (const [filter, field, issue] of refused)
  test(`a filter is refused with its path: ${field}`, () => {
    throws(
      () => compileFilter(filter),
      ({ code, details }: Failure) =>
        code === 'INVALID_REQUEST' && details.field === field && issue.test(details.issue!),
    )
  })

test('a filter holds just when a plain reading of it does', () => {
  const scalar = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom('a', 'b', '', true, false, null))
  const value: fc.Arbitrary<unknown> = fc.oneof(scalar, fc.array(scalar, { maxLength: 2 }))
  const name = fc.constantFrom('a', 'b', 'a.b', 'c')
  const data = fc.dictionary(name, fc.oneof(value, fc.dictionary(name, value, { maxKeys: 2 })), { maxKeys: 3 })
  const ordered = fc.constantFrom(0, 1, 'a', 'b')
  const { condition } = fc.letrec((tie) => ({
    condition: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(scalar, { minLength: 1, maxLength: 3 }),
      tie('operators'),
      fc.dictionary(fc.constantFrom('a', 'b'), tie('condition'), { minKeys: 1, maxKeys: 2 }),
    ),
    operators: fc.oneof(
      fc.record({ $gt: ordered, $lte: ordered }, { requiredKeys: [] }).filter((all) => Object.keys(all).length > 0),
      fc.record({ $lt: ordered, $gte: ordered }, { requiredKeys: [] }).filter((all) => Object.keys(all).length > 0),
      fc.record({ $exists: fc.boolean() }),
      fc.record({ $ne: scalar }),
      fc.record({ $nin: fc.array(scalar, { maxLength: 2 }) }),
      fc.record({ $prefix: fc.constantFrom('', 'a') }),
      fc.record({ $not: scalar }),
      fc.record({ $not: tie('operators') }),
    ),
  }))
  const { filter } = fc.letrec((tie) => ({
    filter: fc.oneof(
      { depthSize: 'small', maxDepth: 2 },
      fc.dictionary(fc.constantFrom('a', 'b', 'a.b', 'a.a.b', 'c', 'c.a'), condition, { maxKeys: 2 }),
      fc.record({ $or: fc.array(tie('filter'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ $and: fc.array(tie('filter'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ $not: tie('filter') }),
    ),
  }))
  let compared = 0
  fc.assert(
    fc.property(filter, fc.array(data, { minLength: 1, maxLength: 5 }), (filter, events) => {
      const compiled = compiledOrRefused(filter)
      if (!compiled) return
      compared++
      deepEqual(
        events.map(compiled),
        events.map((each) => holds(filter as object, each)),
      )
    }),
    { numRuns: 3000 },
  )
  equal(compared > 1500, true)
})

/** Deeper or longer than is allowed: that is tested above. */
function compiledOrRefused(filter: unknown) {
  try {
    return compileFilter(filter)
  } catch (failure) {
    if (/deeper|more than/.test((failure as Failure).details.issue!)) return undefined
    throw failure
  }
}

type Named = Record<string, unknown>

function holds(filter: object, data: unknown): boolean {
  return Object.entries(filter).every(([key, condition]) => {
    if (key === '$and') return (condition as object[]).every((each) => holds(each, data))
    if (key === '$or') return (condition as object[]).some((each) => holds(each, data))
    if (key === '$not') return !holds(condition as object, data)
    if (!namesFields(condition)) return passes(condition, valueAt(data, key))
    return Object.entries(condition).every(([name, inside]) => holds({ [`${key}.${name}`]: inside }, data))
  })
}

function namesFields(condition: unknown): condition is object {
  return typeof condition === 'object' && condition !== null && /^\{"[^$]/.test(JSON.stringify(condition))
}

/** Every way to cut the path is tried, longer names first. */
function valueAt(data: unknown, path: string): unknown {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined
  if (Object.hasOwn(data, path)) return (data as Named)[path]
  for (let dot = path.lastIndexOf('.'); dot !== -1; dot = dot === 0 ? -1 : path.lastIndexOf('.', dot - 1)) {
    const name = path.slice(0, dot)
    if (!Object.hasOwn(data, name)) continue
    const found = valueAt((data as Named)[name], path.slice(dot + 1))
    if (found !== undefined) return found
  }
  return undefined
}

function passes(condition: unknown, value: unknown): boolean {
  if (Array.isArray(condition)) return passes({ $in: condition }, value)
  if (typeof condition !== 'object' || condition === null) return passes({ $eq: condition }, value)
  const each = Array.isArray(value) ? value : [value]
  return Object.entries(condition).every(([operator, operand]) => {
    const compares = (order: (each: never) => boolean) =>
      each.some((one) => typeof one === typeof operand && order(one as never))
    switch (operator) {
      case '$eq':
        return each.some((one) => one === operand)
      case '$ne':
        return !passes({ $eq: operand }, value)
      case '$in':
        return (operand as unknown[]).some((one) => passes({ $eq: one }, value))
      case '$nin':
        return !passes({ $in: operand }, value)
      case '$gt':
        return compares((one) => one > operand)
      case '$gte':
        return compares((one) => one >= operand)
      case '$lt':
        return compares((one) => one < operand)
      case '$lte':
        return compares((one) => one <= operand)
      case '$exists':
        return (value !== undefined) === operand
      case '$prefix':
        return each.some((one) => typeof one === 'string' && one.startsWith(operand))
      case '$not':
        return !passes(operand, value)
      default:
        throw new Error(operator)
    }
  })
}

test('the texts that a filter requires of a field are found where they stand plainly, and never too few', () => {
  const required = (filter: object) => textsRequired(filter, 'device_id')
  deepEqual(required({ device_id: 'd1', n: 1 }), ['d1'])
  deepEqual(required({ device_id: ['d1', 'd2'] }), ['d1', 'd2'])
  deepEqual(required({ device_id: { $in: ['d1'], $ne: 'd2' } }), ['d1'])
  deepEqual(required({ device_id: { $eq: 'd1', $in: ['d1', 'd2'] } }), ['d1'])
  for (const open of [{}, { device_id: 7 }, { device_id: ['d1', null] }, { device_id: { $prefix: 'd' } }])
    equal(required(open), undefined)
  equal(required({ $or: [{ device_id: 'd1' }, { n: 1 }] }), undefined)
})
