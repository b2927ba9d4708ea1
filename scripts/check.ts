import { type Step, steps } from './check-steps.ts'

interface Outcome {
  step: Step
  problem: string
  seconds: number
}

const outcomes = await Promise.all(steps.map(timed))
for (const { step, problem, seconds } of outcomes) {
  console.log(`${problem === '' ? 'ok  ' : 'FAIL'} ${step.name} (${seconds.toFixed(1)} s)`)
  if (problem !== '') console.log(`${problem.replaceAll(/^/gm, '  ')}\n  mend: ${step.mend}`)
}
process.exitCode = outcomes.some(({ problem }) => problem !== '') ? 1 : 0

async function timed(step: Step): Promise<Outcome> {
  const start = performance.now()
  const problem = await step.run().catch((error: unknown) => `could not run: ${error}`)
  return { step, problem, seconds: (performance.now() - start) / 1000 }
}
