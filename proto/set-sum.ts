/**
 * A checksum over the sessions and generations that a node should have. Equal sets give equal sums.
 */
export class SetSum {
  #sessions = 0;
  #first = 0;
  #second = 0;

  get sessions(): number {
    return this.#sessions;
  }

  /** Independent of the order of the sessions. */
  get text(): string {
    return `${hex(this.#first)}${hex(this.#second)}`;
  }

  add(sessionId: string, generation: number): void {
    this.#sessions += 1;
    this.#turn(sessionId, generation);
  }

  remove(sessionId: string, generation: number): void {
    this.#sessions -= 1;
    this.#turn(sessionId, generation);
  }

  #turn(sessionId: string, generation: number): void {
    // FNV-1a with two offsets (Fowler, Noll, Vo), each finished as in MurmurHash3 (Austin Appleby),
    // combined by xor.
    let first = 0x811c9dc5;
    let second = 0x9e3779b9;
    for (let at = 0; at < sessionId.length; at += 1) {
      const code = sessionId.charCodeAt(at);
      first = Math.imul(first ^ code, 0x01000193);
      second = Math.imul(second ^ code, 0x85ebca6b) + 1;
    }
    const high = Math.floor(generation / 2 ** 32);
    this.#first ^= finished(finished(first ^ generation) ^ high);
    this.#second ^= finished(finished(second ^ generation) + high);
  }
}

const hex = (half: number) => (half >>> 0).toString(16).padStart(8, '0');

function finished(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
