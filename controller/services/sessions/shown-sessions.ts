import type { SessionObject, SessionState } from '../../contract/sessions.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import type { View } from '../../domain/engine/view.ts';
import { type MissingImage, type MissingImages, NONE_MISSING } from '../../domain/images/missing-images.ts';
import type { NodeRow } from '../../domain/nodes/rows.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { type ListedSession, sessionObject, sessionObjects, waitingReason } from '../../domain/sessions/session-object.ts';
import type { Committed } from '../engine/applier.ts';
import { JsonText } from '../engine/json-text.ts';

/** The API object of a session, with the fields that permission checks need. */
export interface ShownSession extends Pick<SessionRow, 'id' | 'name' | 'spaceId' | 'createdById' | 'desired' | 'nodeId' | 'image'> {
  readonly json: JsonText<SessionObject>;
  readonly state: SessionState;
  /** What it waited for when it was read. */
  readonly wait: MissingImage | undefined;
}

/** Bound in characters of JSON, one or two bytes each: about 90,000 sessions. */
const MAX_KEPT = 64 * 1024 * 1024;
/** Sessions changed during reads on other threads. Beyond, the reads in progress keep nothing. */
const MAX_CHANGED = 10_000;

/** A read on another thread. */
export interface RowsRead {
  /** Whether a commit can have changed the session since the read began. */
  hasChanged(id: string): boolean;
  /** Shows these rows, and keeps those that no commit has changed since the read began. */
  shown(rows: readonly ListedSession[]): readonly ShownSession[];
  close(): void;
}

/**
 * Caches the JSON of sessions until a commit changes them. Clients read a session far more often
 * than it changes, and reading and encoding its row takes half the time of a request. (The name
 * of its space never changes.) When a node is drained, goes or returns, its sessions show it.
 */
export class ShownSessions {
  readonly #view: View;
  readonly #missing: MissingImages;
  readonly #maxKept: number;
  /** Of nodes whose sessions wait. */
  readonly #reasons = new Map<NodeId, string>();
  /** Oldest first. */
  readonly #known = new Map<string, ShownSession>();
  #kept = 0;
  #reads = 0;
  #newestRead = 0;
  /** The newest read that had begun when a session changed last. Empty while nothing is read. */
  readonly #changedIn = new Map<string, number>();
  /** Up to this read, it is not known what has changed. */
  #lostUpTo = 0;

  constructor(view: View, missing: MissingImages = NONE_MISSING, maxKept = MAX_KEPT) {
    this.#view = view;
    this.#missing = missing;
    this.#maxKept = maxKept;
    for (const row of view.nodes()) this.#remember(row);
  }

  get(id: string): ShownSession | undefined {
    return this.known(id) ?? this.#read(id);
  }

  /** Undefined: it would have to be read. */
  known(id: string): ShownSession | undefined {
    const known = this.#known.get(id);
    // What nodes lack is in no commit.
    if (known === undefined || known.wait === this.#waitOf(known)) return known;
    this.#forget(id);
    return undefined;
  }

  /** To be called before the statement is sent, so that no commit is missed. */
  beginRead(): RowsRead {
    this.#reads += 1;
    this.#newestRead += 1;
    const read = this.#newestRead;
    const hasChanged = (id: string) => read <= this.#lostUpTo || (this.#changedIn.get(id) ?? 0) >= read;
    return {
      hasChanged,
      shown: (rows) => {
        const objects = sessionObjects(this.#view, rows, this.#missing);
        return rows.flatMap((row, at) => {
          const object = objects[at];
          if (object === undefined || row.desired === 'deleted') return [];
          const shown = this.#shown(row, object);
          return [hasChanged(row.id) ? shown : this.#keep(shown)];
        });
      },
      close: () => {
        this.#reads -= 1;
        if (this.#reads === 0) this.#changedIn.clear();
      },
    };
  }

  /** Called with each commit before all other listeners, so that none shows the old state. */
  committed({ mutations }: Committed): void {
    const changed = new Set<NodeId>();
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === 'sessions') this.#changed(mutation.row.id);
      if (mutation.kind === 'remove' && mutation.table === 'sessions') this.#changed(mutation.id);
      if (mutation.kind === 'put' && mutation.table === 'nodes' && this.#changesReason(mutation.row)) changed.add(mutation.row.id);
    }
    // Once for all nodes: many go together, and very many sessions can be known.
    if (changed.size > 0) for (const [id, { nodeId }] of this.#known) if (nodeId !== null && changed.has(nodeId)) this.#forget(id);
  }

  #changed(id: string): void {
    this.#forget(id);
    if (this.#reads === 0) return;
    if (this.#changedIn.size >= MAX_CHANGED) {
      this.#changedIn.clear();
      this.#lostUpTo = this.#newestRead;
    }
    this.#changedIn.set(id, this.#newestRead);
  }

  #changesReason(row: NodeRow): boolean {
    const before = this.#reasons.get(row.id);
    this.#remember(row);
    return before !== this.#reasons.get(row.id);
  }

  #remember(row: NodeRow): void {
    const reason = waitingReason(row);
    if (reason === null) this.#reasons.delete(row.id);
    else this.#reasons.set(row.id, reason);
  }

  #read(id: string): ShownSession | undefined {
    const row = this.#view.get('sessions', id);
    if (row === undefined || row.desired === 'deleted') return undefined;
    return this.#keep(this.#shown(row, sessionObject(this.#view, row, this.#missing)));
  }

  #shown(row: ListedSession, object: SessionObject): ShownSession {
    const { id, name, spaceId, createdById, desired, nodeId, image } = row;
    const json = JsonText.of(object);
    return { id, name, spaceId, createdById, desired, nodeId, image, json, state: object.state, wait: this.#waitOf(row) };
  }

  #keep(shown: ShownSession): ShownSession {
    this.#forget(shown.id);
    this.#known.set(shown.id, shown);
    this.#kept += shown.json.text.length;
    for (const oldest of this.#known.keys()) {
      if (this.#kept <= this.#maxKept) break;
      this.#forget(oldest);
    }
    return shown;
  }

  #waitOf({ nodeId, image }: Pick<SessionRow, 'nodeId' | 'image'>): MissingImage | undefined {
    return nodeId === null ? undefined : this.#missing.of(nodeId, image);
  }

  #forget(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#known.delete(id);
    this.#kept -= known.json.text.length;
  }
}
