import { text } from 'node:stream/consumers';
import { z } from 'zod';
import { handlerFault, quoted } from '../domain/build-failure.ts';
import type { BuildEngine } from '../engine/build-engine.ts';

const results = z.array(
  z.object({
    agent: z.string(),
    outcome: z.enum(['loaded', 'failed', 'exited', 'slow']),
    message: z.string(),
    output: z.string(),
  }),
);

export interface CheckedImage {
  readonly buildId: string;
  readonly space: string;
  readonly imageId: string;
  readonly agents: readonly { readonly name: string; readonly runtime: string; readonly handler: string }[];
}

/**
 * Loads the handlers of a finished image in a container of it. Returns why one cannot be used;
 * undefined if all can, as far as that can be known without secrets.
 */
export async function checkHandlers(
  engine: BuildEngine,
  { buildId, space, imageId, agents }: CheckedImage,
  signal: AbortSignal,
): Promise<string | undefined> {
  const command = ['/opt/raworc/guest/node', '/opt/raworc/guest/check.mjs'];
  const list = agents.map(({ name, runtime, handler }) => ({ name, runtime, handler }));
  const input = (async function* () {
    yield Buffer.from(JSON.stringify(list));
  })();
  const job = await engine.start({ buildId, space, image: imageId, command, environment: {}, input }, signal);
  try {
    const printed = await text(job.output);
    const end = await job.ended;
    if (end.code !== 0)
      return end.exceeded === 'memory'
        ? 'the handlers need more memory to be loaded than builds have.'
        : `the handlers could not be checked (exit code ${end.code}).${quoted(end.lastLines)}`;
    const runtimes = new Map(list.map(({ name, runtime }) => [name, runtime]));
    for (const result of results.parse(JSON.parse(printed))) {
      const fault = handlerFault(result, runtimes.get(result.agent) ?? '');
      if (fault !== undefined) return fault;
    }
    return undefined;
  } finally {
    await job.close();
  }
}
