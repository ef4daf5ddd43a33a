import { z } from 'zod';
import type { BuildProgress } from '../../builds/progress.ts';
import { handlerFault, quoted } from '../../domain/build-failure.ts';
import type { BuildEngine } from '../../engine/build-engine.ts';

/** Longer texts are cut off: the search for the place of a fault costs their square. */
const MAX_CHARACTERS = 16 * 1024;
const shortened = z.string().transform((text) => text.slice(0, MAX_CHARACTERS));

const results = z.array(
  z.object({
    agent: z.string(),
    outcome: z.enum(['loaded', 'failed', 'exited', 'slow']),
    message: shortened,
    output: shortened,
  }),
);

const OUTCOMES = {
  loaded: 'the handler was loaded',
  failed: 'the handler could not be loaded',
  exited: 'the worker ended while it loaded the handler',
  slow: 'the handler takes long to load, so it was not checked',
} as const;

export interface CheckedImage {
  readonly buildId: string;
  readonly space: string;
  readonly imageId: string;
  readonly agents: readonly { readonly name: string; readonly runtime: string; readonly handler: string }[];
}

/** An agent's code can write to the output of the check, and would fill this process's memory. */
const MAX_PRINTED_BYTES = 16 * 2 ** 20;

/**
 * Loads the handlers of a finished image in a container of it. Returns why one cannot be used;
 * undefined if all can, as far as that can be known without secrets. Calls `loaded` with the agents
 * whose handler was loaded.
 */
export async function checkHandlers(
  engine: BuildEngine,
  { buildId, space, imageId, agents }: CheckedImage,
  progress: BuildProgress,
  signal: AbortSignal,
  loaded: (agent: string) => void = () => undefined,
): Promise<string | undefined> {
  const command = ['/opt/raworc/guest/node', '/opt/raworc/guest/check.mjs'];
  const list = agents.map(({ name, runtime, handler }) => ({ name, runtime, handler }));
  const input = (async function* () {
    yield Buffer.from(JSON.stringify(list));
  })();
  const job = await engine.start(
    { buildId, space, image: imageId, command, environment: {}, input, print: progress.output.bind(progress) },
    signal,
  );
  try {
    const printed = await atMost(MAX_PRINTED_BYTES, job.output);
    if (printed === undefined) return `the handlers could not be checked: they printed more than ${MAX_PRINTED_BYTES / 2 ** 20} MiB.`;
    const end = await job.ended;
    if (end.code !== 0)
      return end.exceeded === 'memory'
        ? 'the handlers need more memory to be loaded than builds have.'
        : `the handlers could not be checked (exit code ${end.code}).${quoted(end.lastLines)}`;
    const runtimes = new Map(list.map(({ name, runtime }) => [name, runtime]));
    for (const result of results.parse(JSON.parse(printed))) {
      progress.print(`${result.agent}: ${OUTCOMES[result.outcome]}${result.message === '' ? '' : `: ${result.message}`}`);
      if (result.output !== '') progress.print(result.output);
      if (result.outcome === 'loaded') loaded(result.agent);
      const fault = handlerFault(result, runtimes.get(result.agent) ?? '');
      if (fault !== undefined) return fault;
    }
    return undefined;
  } finally {
    await job.close();
  }
}

/** Returns the text of an output, or undefined if it is longer. */
async function atMost(bytes: number, output: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let left = bytes;
  for await (const part of output) {
    left -= part.byteLength;
    if (left < 0) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
