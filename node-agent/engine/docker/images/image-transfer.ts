import { z } from 'zod';
import type { MoveOutcome, PullPlan, PushPlan, Transfer } from '../../driver.ts';
import type { RegistryAccess } from '../../registry-access.ts';
import { abortable, answerOf, type DockerClients, unless } from '../client.ts';
import { jsonLines } from '../json-lines.ts';

const line = z.object({ error: z.string().optional() });

/** Names that an image has only while it is moved, also those that an earlier life left behind. */
export const isMovingName = (tag: string): boolean => /^127\.0\.0\.1:\d+\/raworc\//.test(tag);

/** Moves images between Docker and the registry. Docker verifies digests itself. */
export class ImageTransfer implements Transfer {
  readonly #clients: DockerClients;
  readonly #registry: RegistryAccess;

  constructor(clients: DockerClients, registry: RegistryAccess) {
    this.#clients = clients;
    this.#registry = registry;
  }

  async pull({ image, repository, digest }: PullPlan, signal: AbortSignal): Promise<MoveOutcome> {
    const { calls, streams } = this.#clients;
    const reference = `${this.#registry.host}/${repository}@${digest}`;
    const options = { fromImage: reference, abortSignal: signal };
    const outcome = await outcomeOf(signal, () => streams.createImage(this.#registry.login, options));
    if (!outcome.ok) return outcome;
    const { repo, tag } = splitTag(image);
    await abortable(signal, calls.getImage(reference).tag({ repo, tag }));
    await this.#forget(reference, signal);
    return outcome;
  }

  async push({ image, repository, tag }: PushPlan, signal: AbortSignal): Promise<MoveOutcome> {
    const { calls, streams } = this.#clients;
    const repo = `${this.#registry.host}/${repository}`;
    const tagged = await unless(
      [404],
      abortable(signal, calls.getImage(image).tag({ repo, tag })).then(() => true),
    );
    if (tagged === undefined) return { ok: false, reason: `the image ${image} is not on this node` };
    try {
      const options = { authconfig: this.#registry.login, abortSignal: signal };
      return await outcomeOf(signal, () => streams.getImage(`${repo}:${tag}`).push(options));
    } finally {
      await this.#forget(`${repo}:${tag}`, new AbortController().signal);
    }
  }

  /** Removes a name, never the image: it has another one. */
  async #forget(name: string, signal: AbortSignal): Promise<void> {
    await unless([404, 409], abortable(signal, this.#clients.calls.getImage(name).remove({ noprune: true })));
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
