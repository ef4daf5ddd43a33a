/** The real metrics, in Prometheus' text format. Only a process's wiring creates them. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Labels, Metrics } from './metrics.ts';

const PREFIX = 'raworc_';
/**
 * How often the event loop's lag is sampled. The sampling timer wakes an otherwise idle process.
 */
const LAG_EVERY_MS = 20;

export interface PrometheusMetrics extends Metrics {
  readonly contentType: string;
  /** Returns every metric as text. */
  text(): Promise<string>;
}

/**
 * Creates its own registry. `processMetrics` adds those of Node.js: memory, event loop, garbage
 * collection.
 */
export function prometheusMetrics({ processMetrics }: { readonly processMetrics: boolean }): PrometheusMetrics {
  const registry = new Registry();
  if (processMetrics) collectDefaultMetrics({ register: registry, prefix: PREFIX, eventLoopMonitoringPrecision: LAG_EVERY_MS });
  /** Created once per name. A gauge replaces an older one with the same name. */
  const known = new Map<string, unknown>();
  function once<Metric>(name: string, create: () => Metric): Metric {
    const there = known.get(name) as Metric | undefined;
    if (there !== undefined) return there;
    const created = create();
    known.set(name, created);
    return created;
  }

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    counter({ name, help, labels = [] }) {
      return once(name, () => {
        const counter = new Counter<string>({ name: PREFIX + name, help, labelNames: [...labels], registers: [registry] });
        return { add: (value = 1, of?: Labels<string>) => (of === undefined ? counter.inc(value) : counter.inc(of, value)) };
      });
    },
    histogram({ name, help, labels = [], buckets }) {
      return once(name, () => {
        const histogram = new Histogram<string>({
          name: PREFIX + name,
          help,
          labelNames: [...labels],
          buckets: [...buckets],
          registers: [registry],
        });
        return {
          observe: (value: number, of?: Labels<string>) => (of === undefined ? histogram.observe(value) : histogram.observe(of, value)),
        };
      });
    },
    gauge({ name, help, labels = [], read }) {
      registry.removeSingleMetric(PREFIX + name);
      new Gauge<string>({
        name: PREFIX + name,
        help,
        labelNames: [...labels],
        registers: [registry],
        async collect() {
          this.reset();
          const now = await Promise.resolve()
            .then(read)
            .catch(() => []);
          if (typeof now === 'number') return this.set(now);
          for (const { labels: of, value } of now) of === undefined ? this.set(value) : this.set(of, value);
        },
      });
    },
  };
}
