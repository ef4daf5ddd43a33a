import type { Measured } from './measure.ts';

/** How many times as much as without a flood. */
export interface Most {
  readonly latency: number;
  readonly memory: number;
}

/** What is held by the long form, on a machine that does nothing else. */
export const GOAL: Most = { latency: 2, memory: 1.5 };
/** What a few hundred requests on any machine can tell: a controller that a flood stops, or that keeps what strangers send, is far beyond. */
export const SURE: Most = { latency: 5, memory: 2 };
/** Between phases that do the same. */
const MAX_NOISE = 2;
/** Rates are remembered until their buckets are full, at most a sweep longer. */
const MAX_KEYS = 4096;
const MIB = 1024 * 1024;

export interface Verdict {
  readonly lines: readonly string[];
  readonly isGood: boolean;
  /** All but the time holds. */
  readonly isSlowAlone: boolean;
  /** The phases without a flood differ so much that something else kept the machine busy: the time says nothing. */
  readonly isNoisy: boolean;
}

/** Holds what was measured against what must hold. */
export function verdict({ p99Ms, medianMs, memoryBytes, left, keys, tallies, adminMs, quietP99sMs }: Measured, most: Most): Verdict {
  const latency = p99Ms.flooded / p99Ms.quiet;
  const memory = memoryBytes.flooded / memoryBytes.quiet;
  const idle = Object.entries(tallies).filter(([, endings]) => Object.keys(endings).length === 0);
  const checks = [
    [
      latency <= most.latency,
      `p99 of the honest client: ${pair(p99Ms)} ms, ${latency.toFixed(2)} × (at most ${most.latency}); median ${pair(medianMs)} ms`,
    ],
    [
      memory <= most.memory,
      `memory: ${mib(memoryBytes.quiet)} → ${mib(memoryBytes.flooded)} MiB, ${memory.toFixed(2)} × (at most ${most.memory})`,
    ],
    [Object.keys(left).length === 0, `held after the flood: ${JSON.stringify(left)}`],
    [keys <= MAX_KEYS, `remembered after the flood: ${keys} (at most ${MAX_KEYS})`],
    [idle.length === 0 && Object.keys(tallies).length >= 9, `attacks that did nothing: ${idle.map(([name]) => name).join() || 'none'}`],
    [Number.isFinite(adminMs) && adminMs > 0, `an admin logged in during the flood, within ${Math.round(adminMs)} ms`],
  ] as const;
  const failed = checks.filter(([holds]) => !holds);
  return {
    lines: checks.map(([holds, line]) => `${holds ? '✓' : '✗'} ${line}`),
    isGood: failed.length === 0,
    isSlowAlone: failed.length === 1 && failed[0] === checks[0],
    isNoisy: Math.max(...quietP99sMs) > MAX_NOISE * Math.min(...quietP99sMs),
  };
}

const pair = ({ quiet, flooded }: { readonly quiet: number; readonly flooded: number }) => `${quiet.toFixed(1)} → ${flooded.toFixed(1)}`;
const mib = (bytes: number) => Math.round(bytes / MIB);
