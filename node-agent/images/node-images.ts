import type { ControllerFrame } from '../../proto/frame.ts';
import type { Conditions } from '../conditions.ts';
import type { Outbox } from '../control/outbox.ts';
import type { Host } from '../host.ts';
import { Builder } from './builder.ts';
import { ImageMoves } from './image-moves.ts';

export interface NodeImagesDeps extends Pick<Host, 'driver' | 'dialer' | 'clock' | 'log'> {
  readonly conditions: Conditions;
  readonly outbox: Outbox;
  /** An image was pulled. */
  arrived(image: string): void;
}

export type ImageFrame = Extract<ControllerFrame, { kind: 'build' | 'pullImage' | 'pushImage' }>;

/** The images of this node: builds, pulls and pushes that the controller asks for. */
export class NodeImages {
  readonly #builder: Builder;
  readonly #moves: ImageMoves;

  constructor({ conditions, outbox, ...deps }: NodeImagesDeps) {
    this.#builder = new Builder({
      ...deps,
      refusal: () => conditions.unschedulable(),
      report: (report) => outbox.keep(`build:${report.buildId}`, { kind: 'build', value: report }),
    });
    this.#moves = new ImageMoves({
      ...deps,
      conditions,
      report: (moved) => outbox.keep(`moved:${moved.pushed}:${moved.image}`, { kind: 'imageMoved', value: moved }),
    });
  }

  take(frame: ImageFrame): void {
    switch (frame.kind) {
      case 'build':
        return this.#builder.assign(frame.value);
      case 'pullImage':
        return this.#moves.pull(frame.value);
      case 'pushImage':
        return this.#moves.push(frame.value);
      default:
        return frame satisfies never;
    }
  }

  /** Reports the results of recent builds again. Call it on each new stream. */
  resend(): void {
    this.#builder.resend();
  }

  async close(): Promise<void> {
    await Promise.all([this.#builder.close(), this.#moves.close()]);
  }
}
