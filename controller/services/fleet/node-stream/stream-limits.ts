import type { NodeFrame } from '../../../../proto/frame.ts';
import type { LogFields } from '../../../../seams/log.ts';
import type { Alarm } from '../../../domain/nodes/commands/node-certificates.ts';
import { DelayedNews } from './delayed-news.ts';
import type { Stream } from './deps.ts';
import type { FlowControl } from './flow-control.ts';
import type { NodePace, NodeRate } from './node-pace.ts';

type Kind = NodeFrame['kind'];

/**
 * Enforces the rates of one node ({@link NodePace}): frames beyond them are handled later, or pause
 * reading from the node.
 */
export class StreamLimits {
  readonly #stream: Stream;
  readonly #pace: NodePace;
  readonly #flow: FlowControl;
  readonly #delayed: DelayedNews;
  #isClosed = false;

  constructor(stream: Stream, pace: NodePace, flow: FlowControl) {
    this.#stream = stream;
    this.#pace = pace;
    this.#flow = flow;
    this.#delayed = new DelayedNews(stream.shared.clock, (key) => pace.allowsNews(key));
  }

  allows(rate: NodeRate, key = ''): boolean {
    return this.#pace.allows(rate, key);
  }

  allowsNews(key: string): boolean {
    return this.#pace.allowsNews(key);
  }

  /** Returns whether the current frame, partial output, can be passed on. */
  allowsOutput(): boolean {
    return this.#pace.allows('output') && this.#pace.allows('output_bytes', '', this.#flow.frameBytes);
  }

  /** Handles spontaneous news at its rate; of each subject, the newest is handled later. */
  news(kind: Kind, key: string, hear: () => void): void {
    const { frameBytes } = this.#flow;
    const handle = () => {
      this.#flow.frameBytes = frameBytes;
      this.#stream.guarded(hear);
    };
    if (this.#delayed.hear(key, handle)) return;
    this.#stream.shared.metrics.delayed.add(1, { kind });
    this.chargeWaste(kind);
  }

  /** Drops late news of this key, since newer news was handled. */
  supersede(key: string): void {
    this.#delayed.forget(key);
  }

  /** Charges a frame without effect to the node's rate. Beyond it, reading from the node pauses. */
  chargeWaste(kind: Kind): void {
    const { shared, nodeId, name } = this.#stream;
    shared.metrics.wasted.add(1, { kind });
    const restMs = this.#pace.waste();
    if (restMs > 0 && !this.#isClosed && this.#flow.rest(restMs)) shared.alarms?.raise(nodeId, floodAlarm(name));
  }

  /** Logs something about the node, at a limited rate. */
  log(level: 'info' | 'warn', event: string, fields: LogFields): void {
    if (this.allows('lines')) this.#stream.shared.log[level](event, { node: this.#stream.name, ...fields });
  }

  close(): void {
    this.#isClosed = true;
    this.#delayed.close();
  }
}

const floodAlarm = (name: string): Alarm => ({
  type: 'Flood',
  message: `The node ${name} sends far more frames than changes, so the controller reads it slowly. Check the log of its node agent, and stop the machine if it is compromised.`,
});
