/**
 * How much of the assignment set of one stream has arrived: its parts and its changes, in order.
 */
export class AssignedSet {
  #id = '';
  #number = 0;
  #part = 0;
  #whole = false;
  readonly #named = new Set<string>();

  /** Sessions named since the set began. */
  get named(): ReadonlySet<string> {
    return this.#named;
  }

  /** Throws for a part that does not follow the one before it. `part` 0 is a set in one part. */
  part({ setId, part }: { readonly setId: string; readonly part: number }): void {
    if (part <= 1) {
      this.#named.clear();
      [this.#id, this.#number, this.#part, this.#whole] = [setId, 0, 1, false];
      return;
    }
    if (setId !== this.#id || part !== this.#part + 1 || this.#whole)
      throw new Error(`part ${part} of set ${setId} does not follow part ${this.#part} of ${this.#id}`);
    this.#part = part;
  }

  /** Throws for a change that does not follow the one before it. */
  change({ setId, number }: { readonly setId: string; readonly number: number }): void {
    if (setId !== this.#id || number !== this.#number + 1)
      throw new Error(`change ${number} of set ${setId} does not follow ${this.#number} of ${this.#id}`);
    this.#number = number;
  }

  name(sessionIds: Iterable<string>): void {
    if (!this.#whole) for (const id of sessionIds) this.#named.add(id);
  }

  /** Whether the last part has arrived. */
  complete(): void {
    this.#whole = true;
  }

  /** Throws if the controller refers to another state of the set. */
  expect({ setId, number }: { readonly setId: string; readonly number: number }): void {
    if (setId !== this.#id || number !== this.#number || !this.#whole)
      throw new Error(`the digest is of change ${number} of set ${setId}, but the last change was ${this.#number} of ${this.#id}`);
  }
}
