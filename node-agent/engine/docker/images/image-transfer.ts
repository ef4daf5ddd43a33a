import { z } from 'zod';
import type { MoveOutcome, PullPlan, PushPlan, Transfer } from '../../driver.ts';
import type { RegistryAccess } from '../../registry-access.ts';
import { abortable, answerOf, type DockerClients, unless } from '../client.ts';
import { jsonLines } from '../json-lines.ts';
import type { MovingNames } from './moving-names.ts';

const line = z.object({ error: z.string().optional() });

/** Moves images between Docker and the registry. Docker verifies digests itself. */
export class ImageTransfer implements Transfer {
  readonly #clients: DockerClients;
  readonly #registry: RegistryAccess;
  readonly #names: MovingNames;

  constructor(clients: DockerClients, registry: RegistryAccess, names: MovingNames) {
    this.#clients = clients;
    this.#registry = registry;
    this.#names = names;
  }

  async pull({ image, repository, digest }: PullPlan, signal: AbortSignal): Promise<MoveOutcome> {
    const { calls, streams } = this.#clients;
    const reference = `${this.#registry.host}/${repository}@${digest}`;
    const options = { fromImage: reference, abortSignal: signal };
    this.#names.begin(reference);
    try {
      const outcome = await outcomeOf(signal, () => streams.createImage(this.#registry.login, options));
      if (!outcome.ok) return outcome;
      const { repo, tag } = splitTag(image);
      await abortable(signal, calls.getImage(reference).tag({ repo, tag }));
      return outcome;
    } finally {
      await this.#names.end(reference);
    }
  }

  async push({ image, repository, tag }: PushPlan, signal: AbortSignal): Promise<MoveOutcome> {
    const { calls, streams } = this.#clients;
    const repo = `${this.#registry.host}/${repository}`;
    const name = `${repo}:${tag}`;
    this.#names.begin(name);
    try {
      const tagged = await unless(
        [404],
        abortable(signal, calls.getImage(image).tag({ repo, tag })).then(() => true),
      );
      if (tagged === undefined) return { ok: false, reason: `the image ${image} is not on this node` };
      const options = { authconfig: this.#registry.login, abortSignal: signal };
      return await outcomeOf(signal, () => streams.getImage(name).push(options));
    } finally {
      await this.#names.end(name);
    }
  }
}

async function outcomeOf(signal: AbortSignal, begin: () => Promise<NodeJS.ReadableStream>): Promise<MoveOutcome> {
  try {
    for await (const one of jsonLines(await begin())) {
      const { error } = line.parse(one);
      if (error !== undefined) return { ok: false, reason: error };
    }
    signal.throwIfAborted();
    return { ok: true };
  } catch (error) {
    signal.throwIfAborted();
    const answer = answerOf(error);
    if (answer === undefined) throw error;
    return { ok: false, reason: answer.message };
  }
}

function splitTag(image: string): { readonly repo: string; readonly tag: string } {
  const at = image.lastIndexOf(':');
  return { repo: image.slice(0, at), tag: image.slice(at + 1) };
}
