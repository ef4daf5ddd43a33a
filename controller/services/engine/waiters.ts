import type { Mutation } from '../../domain/engine/mutation.ts';

/**
 * Requests that wait for a change of a session's row, or for a message's answer or removal, by id.
 * Each COMMIT wakes those whose id has changed, and they check the state themselves. A message
 * costs nothing to requests that wait for other messages of its session.
 */
export class Waiters {
  readonly #byId = new Map<string, Set<() => void>>();

  committed(mutations: readonly Mutation[]): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'remove' && mutation.table === 'messages') this.#tell(mutation.id);
      if (mutation.kind !== 'put') continue;
      if (mutation.table === 'sessions') this.#tell(mutation.row.id);
      if (mutation.table === 'messages' && mutation.row.inReplyTo !== null) this.#tell(mutation.row.inReplyTo);
    }
  }

  #tell(id: string): void {
    for (const look of [...(this.#byId.get(id) ?? [])]) look();
  }

  /**
   * Resolves with the first result of `look`, called now and after each change of `id`; with
   * undefined if the signal aborts first.
   */
  until<T>(id: string, look: () => T | undefined, signal: AbortSignal): Promise<T | undefined> {
    return new Promise((resolve) => {
      const end = (value: T | undefined) => {
        signal.removeEventListener('abort', abort);
        const waiting = this.#byId.get(id);
        waiting?.delete(again);
        if (waiting?.size === 0) this.#byId.delete(id);
        resolve(value);
      };
      const again = () => {
        const found = look();
        if (found !== undefined) end(found);
      };
      const abort = () => end(undefined);
      const waiting = this.#byId.get(id) ?? new Set();
      waiting.add(again);
      this.#byId.set(id, waiting);
      signal.addEventListener('abort', abort);
      if (signal.aborted) abort();
      else again();
    });
  }
}
