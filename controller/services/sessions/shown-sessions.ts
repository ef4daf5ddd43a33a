import type { SessionObject } from '../../contract/sessions.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { sessionObject } from '../../domain/sessions/session-object.ts';
import type { Committed } from '../engine/applier.ts';
import { JsonText } from '../engine/json-text.ts';

/** A session as everybody sees it who may, and by what is judged who that is. */
export interface ShownSession extends Pick<SessionRow, 'id' | 'name' | 'spaceId' | 'createdById' | 'desired'> {
  readonly json: JsonText<SessionObject>;
}

/** In characters of JSON, of a byte or two each: some 90,000 sessions. */
const MAX_KEPT = 64 * 1024 * 1024;

/**
 * Sessions as they are shown, in memory: made once for each, and forgotten by each commit that changes it. Clients read a session far more
 * often than it changes, and to read its row and word it takes as long as all the rest. (The names in it are a space's and a node's, which keep
 * theirs for good; neither goes as long as it has a session.)
 */
export class ShownSessions {
  readonly #view: View;
  readonly #maxKept: number;
  /** The longest kept first. */
  readonly #known = new Map<string, ShownSession>();
  #kept = 0;

  constructor(view: View, maxKept = MAX_KEPT) {
    this.#view = view;
    this.#maxKept = maxKept;
  }

  get(id: string): ShownSession | undefined {
    return this.#known.get(id) ?? this.#read(id);
  }

  /** To be told of each commit before anybody else, so that nobody is shown what was before it. */
  committed({ mutations }: Committed): void {
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'sessions') this.#forget(mutation.row.id);
      if (mutation.kind === 'remove' && mutation.table === 'sessions') this.#forget(mutation.id);
    }
  }

  #read(id: string): ShownSession | undefined {
    const row = this.#view.get('sessions', id);
    if (row === undefined || row.desired === 'deleted') return undefined;
    const { name, spaceId, createdById, desired } = row;
    const json = JsonText.of(sessionObject(this.#view, row));
    const shown = { id: row.id, name, spaceId, createdById, desired, json };
    this.#known.set(id, shown);
    this.#kept += json.text.length;
    for (const oldest of this.#known.keys()) {
      if (this.#kept <= this.#maxKept) break;
      this.#forget(oldest);
    }
    return shown;
  }

  #forget(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#known.delete(id);
    this.#kept -= known.json.text.length;
  }
}
