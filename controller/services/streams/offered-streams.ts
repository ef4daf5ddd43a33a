import { ByteStream } from '../../../proto/streams/byte-stream.ts';
import { StreamError } from '../../../proto/streams/reasons.ts';
import type { StreamLink } from '../../../proto/streams/stream-frame.ts';
import type { Random } from '../../../seams/random.ts';
import type { NodeId } from '../../domain/engine/ids.ts';
import { Tickets } from './tickets.ts';

/** A byte stream that a node can open once, whenever it is ready. */
export interface Offer {
  readonly ticket: string;
  /** The node can no longer open the stream. An open one ends. */
  revoke(): void;
}

interface Offered {
  readonly nodeId: NodeId;
  readonly window: number;
  readonly opened: (stream: ByteStream) => void;
  stream: ByteStream | undefined;
}

/** Byte streams that nodes open on their own: each needs a ticket that came with what it is about. */
export class OfferedStreams {
  readonly #tickets: Tickets<Offered>;
  readonly #offers = new Set<Offered>();

  constructor(random: Random) {
    this.#tickets = new Tickets(random);
  }

  /** `window`: the credit that the node has from the start. */
  offer(nodeId: NodeId, window: number, opened: (stream: ByteStream) => void): Offer {
    const offered: Offered = { nodeId, window, opened, stream: undefined };
    const ticket = this.#tickets.issue(offered);
    this.#offers.add(offered);
    return {
      ticket,
      revoke: () => {
        this.#tickets.revoke(ticket);
        this.#end(offered);
      },
    };
  }

  /** Number of streams that one node has open, or can open. */
  openTo(nodeId: NodeId): number {
    let count = 0;
    for (const one of this.#offers) if (one.nodeId === nodeId) count += 1;
    return count;
  }

  /** Opens the stream of a ticket. Returns false if the ticket is not one of these. */
  accept(nodeId: NodeId, ticket: string, link: StreamLink): boolean {
    const offered = this.#tickets.redeem(ticket, nodeId);
    if (offered === undefined) return false;
    const { window } = offered;
    const stream = new ByteStream(link, { window, granted: window, lost: 'node_lost' });
    offered.stream = stream;
    stream.on('error', () => undefined);
    stream.once('close', () => this.#offers.delete(offered));
    offered.opened(stream);
    return true;
  }

  close(): void {
    for (const one of [...this.#offers]) this.#end(one);
  }

  #end(offered: Offered): void {
    if (offered.stream !== undefined) offered.stream.destroy(new StreamError('cancelled'));
    else this.#offers.delete(offered);
  }
}
