/** A Prometheus histogram of seconds, without labels, that is cheap to add to. `get` has the shape of prom-client's own. */
export interface Timings {
  readonly name: string
  add(seconds: number): void
  get(): Promise<Exposed>
}

/** What a registry of prom-client asks a metric for. */
interface Exposed {
  readonly name: string
  readonly help: string
  readonly type: 'histogram'
  readonly aggregator: 'sum'
  readonly values: readonly {
    readonly metricName: string
    readonly labels: { readonly le?: number | '+Inf' }
    readonly value: number
  }[]
}

/** Empty timings; `bounds` are the upper ones of the buckets, rising. */
export function createTimings(name: string, help: string, bounds: readonly number[]): Timings {
  const counts = bounds.map(() => 0)
  let [sum, count] = [0, 0]
  return {
    name,
    add(seconds) {
      sum += seconds
      count += 1
      const bucket = bounds.findIndex((bound) => seconds <= bound)
      if (bucket !== -1) counts[bucket] = (counts[bucket] ?? 0) + 1
    },
    async get() {
      let below = 0
      const buckets = bounds.map((le, i) => {
        below += counts[i] ?? 0
        return { metricName: `${name}_bucket`, labels: { le }, value: below }
      })
      const all = { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count } as const
      const totals = [
        { metricName: `${name}_sum`, labels: {}, value: sum },
        { metricName: `${name}_count`, labels: {}, value: count },
      ]
      return { name, help, type: 'histogram', aggregator: 'sum', values: [...buckets, all, ...totals] }
    },
  }
}
