import type { Registry } from 'prom-client'

/** Upper bounds of the buckets of durations. */
export const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Series {
  codes: Map<number, number>
  /** Requests by the first bucket that holds them; the last has no bound. */
  buckets: number[]
  sum: number
  count: number
}

/**
 * Counts every request by operation. The registry's own metrics look their labels up at each observation; on the hot
 * path that costs more than the rest of the bookkeeping, so the sums are kept here and handed over when they are read.
 */
export class RequestStats {
  readonly #series = new Map<string, Series>()

  observe(operation: string, code: number, took: number): void {
    let series = this.#series.get(operation)
    if (!series) {
      series = { codes: new Map(), buckets: Array(seconds.length + 1).fill(0), sum: 0, count: 0 }
      this.#series.set(operation, series)
    }
    series.codes.set(code, (series.codes.get(code) ?? 0) + 1)
    let bucket = 0
    while (bucket < seconds.length && took > seconds[bucket]!) bucket++
    series.buckets[bucket]!++
    series.sum += took
    series.count++
  }

  /** The registry renders whatever can `get` values in its shape. */
  register(registry: Registry): void {
    const metric = (
      name: string,
      help: string,
      type: string,
      valuesOf: (operation: string, series: Series) => Value[],
    ) => {
      const get = async () => ({ name, help, type, values: [...this.#series].flatMap((entry) => valuesOf(...entry)) })
      registry.registerMetric({ name, help, type, get, reset: () => this.#series.clear() } as never)
    }
    metric('nexus_http_requests_total', 'HTTP requests by operation and status', 'counter', countsOf)
    metric(latency, 'Time from request to answer', 'histogram', bucketsOf)
  }
}

interface Value {
  metricName?: string
  labels: Record<string, string | number>
  value: number
}

const latency = 'nexus_http_request_duration_seconds'

function countsOf(operation: string, { codes }: Series): Value[] {
  return [...codes].map(([code, value]) => ({ labels: { operation, code }, value }))
}

/** Buckets are cumulative in Prometheus' format (https://prometheus.io/docs/instrumenting/exposition_formats/). */
function bucketsOf(operation: string, { buckets, sum, count }: Series): Value[] {
  let below = 0
  const values = [...seconds, '+Inf'].map((le, i) => {
    below += buckets[i]!
    return { metricName: `${latency}_bucket`, labels: { operation, le }, value: below }
  })
  return [
    ...values,
    { metricName: `${latency}_sum`, labels: { operation }, value: sum },
    { metricName: `${latency}_count`, labels: { operation }, value: count },
  ]
}
