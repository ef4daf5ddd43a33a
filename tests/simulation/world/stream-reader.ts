import type { ByteStream } from '../../../proto/streams/byte-stream.ts';
import type { Cluster } from './cluster.ts';
import type { SeededRandom } from './random.ts';

const STREAMS = 25;
/**
 * Longer than it takes without faults. A session paused in between would block its reader for as
 * long.
 */
const PATIENCE_MS = 20_000;

/**
 * Opens byte streams to sessions and reads them at varying speed, among all other work and faults.
 */
export class StreamReader {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  opened = 0;
  whole = 0;

  constructor(cluster: Cluster, name: string) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork(name);
  }

  async run(haste: number): Promise<void> {
    for (let at = 0; at < STREAMS; at += 1) {
      await this.#later(this.#random.between(50, 2_000) * haste);
      await this.#readOne();
    }
  }

  #later(ms: number): Promise<void> {
    return new Promise((resolve) => this.#cluster.time.schedule(ms, resolve));
  }

  /** Resolves when it ends, also with the controller's process. */
  #readOne(): Promise<void> {
    const { controller, chronicle } = this.#cluster;
    const row = this.#random.pick(
      [...chronicle.sessions.values()].filter(({ desired, phase }) => desired === 'running' && phase === 'running'),
    );
    if (controller === undefined || row === undefined) return Promise.resolve();
    const bytes = this.#random.mostlySmall(1, 40_000) | 0;
    const window = this.#random.pick([256, 4_096, 65_536]) ?? 4_096;
    return new Promise((resolve) => {
      const death = controller.life.atDeath(() => resolve());
      const over = () => {
        death.cancel();
        resolve();
      };
      controller.life.run(() => {
        controller.core.streams.start(row, { kind: 'numbered', parameters: { bytes }, window }).then(
          (outcome) => (outcome.ok ? this.#read(outcome.value, bytes, over) : over()),
          (error) => this.#cluster.violation(`a stream failed to open: ${String(error)}`),
        );
      });
    });
  }

  #read(stream: ByteStream, bytes: number, over: () => void): void {
    const { time, violation } = this.#cluster;
    const isSlow = this.#random.chance(0.3);
    const leavesAt = this.#random.chance(0.15) ? this.#random.whole(0, bytes) : undefined;
    const patience = time.schedule(PATIENCE_MS, () => stream.destroy());
    let read = 0;
    let ends = 0;
    this.opened += 1;
    stream.end();
    stream.on('error', () => undefined);
    stream.on('data', (piece: Buffer) => {
      for (const [at, byte] of piece.entries())
        if (byte !== (read + at) % 251) return violation(`byte ${read + at} of a stream is ${byte}, after ${this.opened} streams`);
      read += piece.byteLength;
      if (leavesAt !== undefined && read >= leavesAt) stream.destroy();
      if (!isSlow) return;
      stream.pause();
      time.schedule(this.#random.between(1, 50), () => stream.resume());
    });
    stream.once('end', () => {
      ends += 1;
      this.whole += 1;
      if (read !== bytes) violation(`a stream ended well after ${read} of ${bytes} bytes`);
    });
    stream.once('close', () => {
      patience.cancel();
      if (ends > 1) violation('a stream ended twice');
      over();
    });
  }
}
