/**
 * Metrics, injected like the log. Each label has a small, fixed set of values: never an id, a name
 * or an address.
 */
export interface Metrics {
  /** Returns the counter with this name and creates it on the first call. Names end in `_total`. */
  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label>;
  /**
   * Returns the histogram with this name and creates it on the first call. Names end in their unit:
   * `_seconds`, `_bytes`.
   */
  histogram<Label extends string = never>(options: MetricOptions<Label> & { readonly buckets: readonly number[] }): Histogram<Label>;
  /**
   * Registers a gauge that is read at each scrape. A second call with the same name replaces the
   * first. `read` returns one number, or one sample for each set of labels; while it fails, the
   * gauge has no samples.
   */
  gauge<Label extends string = never>(
    options: MetricOptions<Label> & { readonly read: () => Reading<Label> | Promise<Reading<Label>> },
  ): void;
}

export interface MetricOptions<Label extends string> {
  /** Without the prefix `raworc_`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

export type Labels<Label extends string> = Readonly<Record<Label, string>>;

export type Reading<Label extends string> = number | readonly Sample<Label>[];

export interface Sample<Label extends string> {
  readonly labels?: Labels<Label>;
  readonly value: number;
}

export interface Counter<Label extends string = never> {
  add(value?: number, labels?: Labels<Label>): void;
}

export interface Histogram<Label extends string = never> {
  observe(value: number, labels?: Labels<Label>): void;
}

/** Upper bounds in seconds, from a tenth of a millisecond to ten seconds. */
export const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Counts nothing: for tests, and for tools without a metrics endpoint. */
export const silentMetrics: Metrics = {
  counter: () => ({ add: () => undefined }),
  histogram: () => ({ observe: () => undefined }),
  gauge: () => undefined,
};
