import { parseArgs } from 'node:util';
import { messageOf } from '../seams/message-of.ts';
import type { Most } from './domain/session-most.ts';
import type { Totals } from './engine/cgroup/totals.ts';

export interface Flags {
  readonly dataDirectory: string;
  /** Of the node; undefined: the host's name. */
  readonly name: string | undefined;
  /** "-": standard input. Read only where this machine has not joined yet. */
  readonly tokenFile: string | undefined;
  readonly capacity: {
    readonly cpuMillis?: number;
    readonly memoryBytes?: number;
    readonly sessions?: number;
    readonly diskBytes?: number;
  };
  /** What one session gets at most. */
  readonly most: Partial<Most>;
  /** What is left to the host. */
  readonly reserve: Partial<Totals>;
  readonly runDirectory: string | undefined;
  readonly dockerSocket: string;
  /** On 127.0.0.1; undefined: nobody can scrape this node agent. */
  readonly metricsPort: number | undefined;
}

export const USAGE = `usage: node node-agent/main.ts --data DIR [--token-file PATH|-] [--name NAME]
         [--cpu-millis N] [--memory-bytes N] [--sessions N] [--run-dir DIR] [--docker-socket PATH]
         [--metrics-port PORT] [--disk-bytes N]
         [--max-cpu-millis N] [--max-memory-bytes N] [--max-disk-bytes N] [--max-processes N]
         [--reserve-cpu-millis N] [--reserve-memory-bytes N] [--reserve-processes N]`;

/** One sentence where the flags make no sense. */
export function parseFlags(
  args: readonly string[],
): { readonly ok: true; readonly flags: Flags } | { readonly ok: false; readonly problem: string } {
  const option = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        data: option,
        name: option,
        'token-file': option,
        'cpu-millis': option,
        'memory-bytes': option,
        sessions: option,
        'run-dir': option,
        'docker-socket': option,
        'metrics-port': option,
        'disk-bytes': option,
        'max-cpu-millis': option,
        'max-memory-bytes': option,
        'max-disk-bytes': option,
        'max-processes': option,
        'reserve-cpu-millis': option,
        'reserve-memory-bytes': option,
        'reserve-processes': option,
      },
    });
    const { data } = values;
    if (data === undefined) return { ok: false, problem: '--data is missing: the directory of this node' };
    const flags: Flags = {
      dataDirectory: data,
      name: values.name,
      tokenFile: values['token-file'],
      capacity: {
        ...whole('cpuMillis', values['cpu-millis'], '--cpu-millis'),
        ...whole('memoryBytes', values['memory-bytes'], '--memory-bytes'),
        ...whole('sessions', values.sessions, '--sessions'),
        ...whole('diskBytes', values['disk-bytes'], '--disk-bytes'),
      },
      most: {
        ...whole('cpuMillis', values['max-cpu-millis'], '--max-cpu-millis'),
        ...whole('memoryBytes', values['max-memory-bytes'], '--max-memory-bytes'),
        ...whole('diskBytes', values['max-disk-bytes'], '--max-disk-bytes'),
        ...whole('processes', values['max-processes'], '--max-processes'),
      },
      reserve: {
        ...whole('cpuMillis', values['reserve-cpu-millis'], '--reserve-cpu-millis'),
        ...whole('memoryBytes', values['reserve-memory-bytes'], '--reserve-memory-bytes'),
        ...whole('processes', values['reserve-processes'], '--reserve-processes'),
      },
      runDirectory: values['run-dir'],
      dockerSocket: values['docker-socket'] ?? '/var/run/docker.sock',
      metricsPort: port(values['metrics-port'], '--metrics-port'),
    };
    return { ok: true, flags };
  } catch (error) {
    return { ok: false, problem: messageOf(error) };
  }
}

function whole<Key extends string>(key: Key, text: string | undefined, flag: string): { [K in Key]?: number } {
  if (text === undefined) return {};
  if (!/^\d{1,15}$/.test(text)) throw new Error(`${flag} takes a whole number, not ${text}`);
  return { [key]: Number(text) } as { [K in Key]?: number };
}

function port(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new Error(`${flag} takes a port, 0 to 65535, not ${text}`);
  return Number(text);
}
