import type { StreamLink } from '../../../../proto/streams/stream-frame.ts';
import { type StreamFrame, streamFrames } from '../../../../proto/streams/stream-frame.ts';
import type { Cluster } from '../cluster.ts';
import type { ControllerProcess } from '../controller-process.ts';
import { Life } from '../life.ts';
import type { Machine } from '../machine.ts';
import { Connection } from '../network.ts';
import { overheard } from '../overhear.ts';
import type { SeededRandom } from '../random.ts';

const REFUSED_WITHIN_MS = 20_000;

/** Present tickets of byte streams again, and as another node. None may be let in. */
export class TicketThieves {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;

  constructor(cluster: Cluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Wraps the controller's end of a node's stream. */
  beside(link: StreamLink, process: ControllerProcess, machine: Machine): StreamLink {
    return overheard(link, (frame) => {
      if (frame.kind !== 'open' || !this.#random.chance(0.2)) return frame;
      const delayMs = this.#random.mostlySmall(0, 12_000);
      this.#cluster.time.schedule(delayMs, () => this.#present(frame.ticket, process, machine, 'that was used'));
      return frame;
    });
  }

  /** A ticket is on its way to a node. Another node is faster. */
  steal(ticket: string, process: ControllerProcess, machine: Machine): void {
    const other = this.#cluster.machines.find(({ id }) => id !== machine.id);
    if (other !== undefined && this.#random.chance(0.1)) this.#present(ticket, process, other, 'of another node');
  }

  #present(ticket: string, process: ControllerProcess, machine: Machine, what: string): void {
    if (process.life.isDead) return;
    const { time, trace, violation } = this.#cluster;
    const life = new Life('thief');
    const connection = new Connection<StreamFrame, StreamFrame>(
      { life, out: streamFrames, in: streamFrames },
      { life: process.life, out: streamFrames, in: streamFrames },
      {
        ...{ time, bound: 100, route: { latencyMs: () => this.#random.mostlySmall(0.2, 40), isCut: () => false } },
        sent: (from, kind) => trace.note(from, `stream ${kind} (thief)`),
      },
    );
    let isOver = false;
    const { left } = connection;
    left.onMessage((frame) => {
      isOver = true;
      if (frame.kind !== 'reset') violation(`a ticket ${what} opened a stream to ${machine.name}, which got ${frame.kind}`);
    });
    left.onClose(() => {
      isOver = true;
    });
    process.life.run(() => process.acceptStream(machine.id, connection.right));
    left.send({ kind: 'open', ticket });
    const death = process.life.atDeath(() => life.kill());
    const judge = () => {
      death.cancel();
      if (!isOver && !life.isDead && !process.life.isStopped) violation(`a ticket ${what} was not refused to ${machine.name}`);
      life.kill();
    };
    // A controller that was stopped goes on first.
    time.schedule(REFUSED_WITHIN_MS, () => process.life.run(() => time.schedule(REFUSED_WITHIN_MS, judge)));
  }
}
