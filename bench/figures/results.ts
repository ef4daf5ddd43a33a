/** The committed figures of benchmarks, and the machine that they come from. */
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { z } from 'zod';

/** Milliseconds. */
const measured = z.object({ table: z.string(), name: z.string(), median: z.number(), p95: z.number(), p99: z.number() });
export type Measured = z.infer<typeof measured>;
const goal = z.object({ name: z.string(), value: z.number(), most: z.number().optional(), least: z.number().optional() });
export type Goal = z.infer<typeof goal>;
/** The load averages are of the minute before its start and before its end. */
const outcome = z.object({ load: z.tuple([z.number(), z.number()]), measured: z.array(measured), goals: z.array(goal) });
export type Outcome = z.infer<typeof outcome>;
const machine = z.object({
  cores: z.number(),
  cpu: z.string(),
  memory_gib: z.number(),
  arch: z.string(),
  kernel: z.string(),
  node: z.string(),
});
const results = z.record(z.string(), outcome.extend({ date: z.string(), machine }));
export type Results = z.infer<typeof results>;

export const RESULTS = join(import.meta.dirname, '..', 'results.json');

export const readResults = (): Results => results.parse(JSON.parse(readFileSync(RESULTS, 'utf8')));

/** Replaces the outcome of one benchmark. */
export function keepOutcome(name: string, file: string): void {
  const all: Results = {
    ...readResults(),
    [name]: { date: new Date().toISOString().slice(0, 10), machine: thisMachine(), ...readOutcome(file) },
  };
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(RESULTS, `${JSON.stringify(sorted, rounded, 2)}\n`);
}

const readOutcome = (file: string): Outcome => outcome.parse(JSON.parse(readFileSync(file, 'utf8')));

const rounded = (_key: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

function thisMachine(): Results[string]['machine'] {
  const [first] = cpus();
  return {
    cores: cpus().length,
    cpu: first?.model.trim() ?? '',
    memory_gib: Math.round(totalmem() / 2 ** 30),
    arch: arch(),
    kernel: release(),
    node: process.version,
  };
}
