import { parseArgs } from 'node:util';
import { messageOf } from '../seams/message-of.ts';
import { didYouMean } from '../settings/closest.ts';
import type { Most } from './domain/session-most.ts';
import type { Totals } from './engine/cgroup/totals.ts';

export interface Flags {
  readonly dataDirectory: string;
  /** The node's name. Undefined uses the host's name. */
  readonly name: string | undefined;
  /** A join token. Others can see it in the list of processes. */
  readonly token: string | undefined;
  /** A file with a join token. "-" is standard input. */
  readonly tokenFile: string | undefined;
  /** For the join. */
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: {
    readonly cpuMillis?: number;
    readonly memoryBytes?: number;
    readonly sessions?: number;
    readonly diskBytes?: number;
  };
  /** Maximum of one session. */
  readonly most: Partial<Most>;
  /** Reserved for the host. */
  readonly reserve: Partial<Totals>;
  readonly runDirectory: string | undefined;
  readonly dockerSocket: string;
  /** Port on 127.0.0.1. Undefined serves no metrics. */
  readonly metricsPort: number | undefined;
}

const DATA = '/var/lib/raworc';

const TEXTS = ['data', 'name', 'token', 'token-file', 'run-dir', 'docker-socket', 'metrics-port'];
/** Flags that take an integer, and what each sets. */
const CAPACITY = { 'cpu-millis': 'cpuMillis', 'memory-bytes': 'memoryBytes', sessions: 'sessions', 'disk-bytes': 'diskBytes' } as const;
const MOST = {
  'max-cpu-millis': 'cpuMillis',
  'max-memory-bytes': 'memoryBytes',
  'max-disk-bytes': 'diskBytes',
  'max-processes': 'processes',
} as const;
const RESERVE = { 'reserve-cpu-millis': 'cpuMillis', 'reserve-memory-bytes': 'memoryBytes', 'reserve-processes': 'processes' } as const;
export const FLAGS: readonly string[] = [...TEXTS, 'label', ...Object.keys(CAPACITY), ...Object.keys(MOST), ...Object.keys(RESERVE)];
export const FLAG_OPTIONS = Object.fromEntries(FLAGS.map((name) => [name, { type: 'string' as const }]));

type Values = Readonly<Record<string, string | undefined>>;

/** Parses the flags. `problem` is one sentence. */
export function parseFlags(
  args: readonly string[],
): { readonly ok: true; readonly flags: Flags } | { readonly ok: false; readonly problem: string } {
  try {
    const parsed = parseArgs({ args: [...args], allowPositionals: false, options: FLAG_OPTIONS, tokens: true });
    const values: Values = parsed.values;
    // The only flag that can be repeated.
    const labels = parsed.tokens.flatMap((token) => (token.kind === 'option' && token.name === 'label' ? [token.value ?? ''] : []));
    const flags: Flags = {
      dataDirectory: values.data ?? DATA,
      name: values.name,
      token: values.token,
      tokenFile: values['token-file'],
      labels: labelsIn(labels),
      capacity: numbersIn(values, CAPACITY),
      most: numbersIn(values, MOST),
      reserve: numbersIn(values, RESERVE),
      runDirectory: values['run-dir'],
      dockerSocket: values['docker-socket'] ?? '/var/run/docker.sock',
      metricsPort: port(values['metrics-port'], '--metrics-port'),
    };
    return { ok: true, flags };
  } catch (error) {
    const problem = messageOf(error);
    const [, unknown] = /^Unknown option '--([^']+)'/.exec(problem) ?? [];
    return { ok: false, problem: unknown === undefined ? problem : `there is no option --${unknown}.${didYouMean(unknown, FLAGS)}` };
  }
}

/** Parses KEY=VALUE pairs, each text with one or several of them separated by commas. */
function labelsIn(texts: readonly string[]): Readonly<Record<string, string>> {
  const pairs = texts.flatMap((text) => text.split(','));
  const wrong = pairs.find((pair) => !/^[^=]+=/.test(pair));
  if (wrong !== undefined) throw new Error(`--label must be KEY=VALUE, not "${wrong}"`);
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

function numbersIn<Key extends string>(values: Values, fields: Readonly<Record<string, Key>>): { [K in Key]?: number } {
  const numbers: { [K in Key]?: number } = {};
  for (const [flag, field] of Object.entries(fields)) {
    const text = values[flag];
    if (text === undefined) continue;
    if (!/^\d{1,15}$/.test(text)) throw new Error(`--${flag} must be an integer, not "${text}"`);
    numbers[field] = Number(text);
  }
  return numbers;
}

function port(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new Error(`${flag} must be a port from 0 to 65535, not "${text}"`);
  return Number(text);
}
