import type { ServerResponse } from 'node:http';
import type { SessionId } from '../../domain/engine/ids.ts';

/**
 * Answers in progress, by sandbox. When a sandbox is paused or deleted, they are cut off without an
 * end: the SDKs then ask for its health, and tell their callers that it is gone.
 */
export class OpenAnswers {
  readonly #open = new Map<string, Set<ServerResponse>>();

  add(id: SessionId, res: ServerResponse): void {
    const those = this.#open.get(id) ?? new Set();
    this.#open.set(id, those.add(res));
    res.once('close', () => {
      those.delete(res);
      if (those.size === 0 && this.#open.get(id) === those) this.#open.delete(id);
    });
  }

  /** A socket can carry other answers later, so only one whose answer is not complete is cut. */
  cut(id: string): void {
    for (const res of [...(this.#open.get(id) ?? [])]) if (!res.writableEnded) res.destroy();
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.cut(id);
  }
}
