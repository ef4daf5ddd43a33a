import type { Random } from '../../../seams/random.ts';
import type { NodeId } from '../../domain/engine/ids.ts';

/** Names the node that can redeem a ticket. */
export interface Ticketed {
  readonly nodeId: NodeId;
}

const TICKET_BYTES = 32;

/**
 * Unredeemed one-time tickets. A ticket is a 256-bit secret that opens one stream for the node that
 * it was sent to.
 */
export class Tickets<Entry extends Ticketed> {
  readonly #random: Random;
  readonly #entries = new Map<string, Entry>();

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Returns a new ticket for the entry. */
  issue(entry: Entry): string {
    const ticket = Buffer.from(this.#random.bytes(TICKET_BYTES)).toString('base64url');
    this.#entries.set(ticket, entry);
    return ticket;
  }

  /**
   * Redeems a ticket. Returns undefined if it is unknown, expired, used or another node's;
   * another node's ticket stays valid for that node.
   */
  redeem(ticket: string, from: NodeId): Entry | undefined {
    const entry = this.#entries.get(ticket);
    if (entry?.nodeId !== from) return undefined;
    this.#entries.delete(ticket);
    return entry;
  }

  /** Revokes a ticket. */
  revoke(ticket: string): void {
    this.#entries.delete(ticket);
  }
}
