import type { Sources, Violation } from './architecture.ts'

/** What a folder of fixtures expects: each file at fault begins with `// expect: <problem>`. */
export function expectedIn(sources: Sources): string[] {
  return [...sources]
    .flatMap(([file, source]) => {
      const problem = /^\/\/ expect: (.+)$/m.exec(source)?.[1]
      return problem ? [`${file}: ${problem}`] : []
    })
    .toSorted()
}

/** What a check found, in the form of `expectedIn`. */
export function foundIn(violations: Violation[]): string[] {
  return violations.map(({ file, problem }) => `${file}: ${problem}`).toSorted()
}
