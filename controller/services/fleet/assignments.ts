import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Random } from '../../../seams/random.ts';
import type { NodeId } from '../../domain/ids.ts';
import type { SessionRow, TombstoneRow } from '../../domain/rows.ts';
import type { View } from '../../domain/view.ts';
import { assignment, tombstone } from './frames.ts';

/**
 * What one stream has been told that its node should hold: a full set, then numbered changes to it.
 * Each session is told once per generation. A later full set starts the numbers again.
 */
export class Assignments {
  readonly #nodeId: NodeId;
  readonly #view: View;
  readonly #random: Random;
  readonly #told = new Map<string, number>();
  #setId = '';
  #number = 0;

  constructor(nodeId: NodeId, view: View, random: Random) {
    this.#nodeId = nodeId;
    this.#view = view;
    this.#random = random;
  }

  fullSet(): ControllerFrame {
    this.#setId = this.#random.uuid();
    this.#number = 0;
    this.#told.clear();
    const rows = this.#view.sessionsOn(this.#nodeId);
    for (const row of rows) this.#told.set(row.id, row.generation);
    return {
      kind: 'assignmentSet',
      value: {
        setId: this.#setId,
        assignments: rows.flatMap((row) => assignment(this.#view, row) ?? []),
        tombstones: this.#view.tombstonesOf(this.#nodeId).map(tombstone),
      },
    };
  }

  /** The change that brings the node up to date with these rows; undefined when it has been told all of it. */
  change(sessions: readonly SessionRow[], tombstones: readonly TombstoneRow[]): ControllerFrame | undefined {
    const fresh = sessions.filter((row) => row.desired !== 'deleted' && (this.#told.get(row.id) ?? 0) < row.generation);
    for (const row of fresh) this.#told.set(row.id, row.generation);
    for (const row of tombstones) this.#told.delete(row.id);
    if (fresh.length === 0 && tombstones.length === 0) return undefined;
    this.#number += 1;
    return {
      kind: 'assignmentChange',
      value: {
        setId: this.#setId,
        number: this.#number,
        assignments: fresh.flatMap((row) => assignment(this.#view, row) ?? []),
        tombstones: tombstones.map(tombstone),
      },
    };
  }
}
