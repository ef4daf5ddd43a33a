import type { Mutation } from '../../domain/engine/mutation.ts';

/**
 * Requests that wait for a change, by the id of the thing: a session's row, a message's answer or
 * removal. They are woken after each COMMIT and look for themselves, so a message costs nothing to
 * those who wait for other messages of its session.
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
   * Resolves with what `look` finds, now or after any change of `id`; with undefined when the
   * signal aborts first.
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
