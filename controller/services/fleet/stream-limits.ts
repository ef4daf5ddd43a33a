import type { NodeFrame } from '../../../proto/frame.ts';
import type { LogFields } from '../../../seams/log.ts';
import type { Alarm } from '../../domain/nodes/commands/node-certificates.ts';
import type { FlowControl } from './flow-control.ts';
import { LateNews } from './late-news.ts';
import type { NodePace, NodeRate } from './node-pace.ts';
import type { Stream } from './stream-deps.ts';

type Kind = NodeFrame['kind'];

/** Holds one node to its rates ({@link NodePace}): what is beyond them is heard later, or costs the node a rest. */
export class StreamLimits {
  readonly #stream: Stream;
  readonly #pace: NodePace;
  readonly #flow: FlowControl;
  readonly #late: LateNews;
  #isClosed = false;

  constructor(stream: Stream, pace: NodePace, flow: FlowControl) {
    this.#stream = stream;
    this.#pace = pace;
    this.#flow = flow;
    this.#late = new LateNews(stream.shared.clock, (key) => pace.allowsNews(key));
  }

  allows(rate: NodeRate, key = ''): boolean {
    return this.#pace.allows(rate, key);
  }

  allowsNews(key: string): boolean {
    return this.#pace.allowsNews(key);
  }

  /** Whether the frame of now, which is partial output, can be passed on. */
  allowsOutput(): boolean {
    return this.#pace.allows('output') && this.#pace.allows('output_bytes', '', this.#flow.frameBytes);
  }

  /** Hears news that nobody asked for at their rate, the newest of each thing later. */
  news(kind: Kind, key: string, hear: () => void): void {
    if (this.#late.hear(key, () => this.#stream.guarded(hear))) return;
    this.#stream.shared.metrics.delayed.add(1, { kind });
    this.waste(kind);
  }

  /** Something newer than the late news of this key has been heard. */
  supersede(key: string): void {
    this.#late.forget(key);
  }

  /** A frame changed nothing. A node with too many of them is not read for a while. */
  waste(kind: Kind): void {
    const { shared, nodeId, name } = this.#stream;
    shared.metrics.wasted.add(1, { kind });
    const restMs = this.#pace.waste();
    if (restMs > 0 && !this.#isClosed && this.#flow.rest(restMs)) shared.alarms?.raise(nodeId, floodAlarm(name));
  }

  /** Logs, at a rate, what the node says. */
  log(level: 'info' | 'warn', event: string, fields: LogFields): void {
    if (this.allows('lines')) this.#stream.shared.log[level](event, { node: this.#stream.name, ...fields });
  }

  close(): void {
    this.#isClosed = true;
    this.#late.close();
  }
}

const floodAlarm = (name: string): Alarm => ({
  type: 'Flood',
  message: `The node ${name} says far more than changes there, so it is heard slowly. Read the log of its node agent, and stop that machine if it is not yours any more.`,
});
