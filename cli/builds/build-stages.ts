import type { Build } from '../../sdk/raworc.ts';
import { duration, type Io, painted } from '../io.ts';
import type { StepLine } from '../steps.ts';

type Stage = Build['stages'][number];

/** Returns the stages of a build. An older controller sends none. */
export const stagesOf = (build: Build): readonly Stage[] => build.stages ?? [];

/** Prints each stage of a build once, with its time, when it ends, and why the build waits. */
export class StageLines {
  readonly #io: Io;
  readonly #line: StepLine;
  readonly #printed = new Set<string>();
  #reason: string | undefined;

  constructor(io: Io, line: StepLine) {
    this.#io = io;
    this.#line = line;
  }

  show(build: Build): void {
    const { waiting_reason: reason } = build;
    if (reason != null && reason !== this.#reason) this.#line.print(`  … waits: ${reason}`);
    this.#reason = reason ?? undefined;
    for (const stage of stagesOf(build)) {
      if (stage.status === 'running' || stage.name === 'push' || this.#printed.has(stage.name)) continue;
      this.#printed.add(stage.name);
      const [colour, sign] = stage.status === 'completed' ? (['green', '✓'] as const) : (['red', '✗'] as const);
      const took = stage.duration_ms === null ? '' : painted(this.#io, this.#io.stderr, 'dim', duration(stage.duration_ms));
      this.#line.print('  ', painted(this.#io, this.#io.stderr, colour, sign), ` ${stage.name.padEnd(8)}`, took);
    }
    this.#line.doing(stagesOf(build).find(({ status }) => status === 'running')?.name ?? (build.status === 'pending' ? 'waiting' : ''));
  }
}

/** Why a build failed or ended early, with the stage in which it did. */
export function failureOf(build: Build): string {
  if (build.status === 'cancelled') return 'The build was cancelled';
  const stage = stagesOf(build).find(({ status }) => status === 'failed');
  const reason = (build.error ?? 'the server gave no reason').replace(/^The (?:build failed|image could not be built): /, '');
  const took = stage?.duration_ms == null ? '' : ` after ${duration(stage.duration_ms)}`;
  return `The build failed${stage === undefined ? '' : ` at ${stage.name}${took}`}: ${reason}`;
}
