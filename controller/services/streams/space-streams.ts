import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { quotasIn } from '../../domain/spaces/space-settings.ts';
import type { Release } from '../budget/at-once.ts';

const RETRY_S = 5;

/** Counts the open byte streams of each space against its quota (`quotas.streams`). */
export class SpaceStreams {
  readonly #view: View;
  readonly #open = new Map<SpaceId, number>();

  constructor(view: View) {
    this.#view = view;
  }

  /** Counts a stream until the result is called, or refuses it. */
  take(id: SpaceId): Outcome<Release> {
    const space = this.#view.get('spaces', id);
    const allowed = space === undefined ? undefined : quotasIn(space.settings)?.streams;
    const used = this.#open.get(id) ?? 0;
    if (allowed !== undefined && used >= allowed)
      return refused(
        'RATE_LIMITED',
        `The space "${space?.name}" has ${used} of ${allowed} byte streams open (commands, terminals, files, ports). Close some and retry, or raise its setting quotas.streams.`,
        { quota: 'streams', used, allowed, retry_after_s: RETRY_S },
      );
    this.#open.set(id, used + 1);
    let ended = false;
    return accepted(() => {
      if (ended) return;
      ended = true;
      const left = (this.#open.get(id) ?? 0) - 1;
      if (left > 0) this.#open.set(id, left);
      else this.#open.delete(id);
    });
  }
}
