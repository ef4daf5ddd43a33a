import type { ControllerFrame } from '../../../proto/frame.ts';
import type { Clock, Timer } from '../../../seams/clock.ts';
import type { NodeId } from '../../domain/engine/ids.ts';

/** After this, a move counts as failed. Node agents give up earlier. */
const LIMIT_MS = 30 * 60_000;
/**
 * How long a node can move nothing at all before the move counts as failed, so that another node
 * pushes the image, and other nodes pull. A pull also unpacks, and can get its bytes from elsewhere.
 */
export const SILENT_MS = { pushImage: 60_000, pullImage: 5 * 60_000, makeImage: LIMIT_MS } as const;

export interface Moved {
  readonly image: string;
  readonly pushed: boolean;
  /** Empty: it succeeded. */
  readonly error: string;
}

/** The reason is a node's own text. */
export class NodeFailure extends Error {
  override readonly name = 'NodeFailure';
}

export interface ImageMovesDeps {
  readonly clock: Clock;
  /** Returns false if the node has no stream. */
  send(nodeId: NodeId, frame: ControllerFrame): boolean;
  /** Returns when the node last moved a part of any image, on the monotonic clock. */
  passedAtMs(nodeId: NodeId): number | undefined;
}

type Request = Extract<ControllerFrame, { kind: 'pullImage' | 'pushImage' | 'makeImage' }>;

/** Moves of images that nodes were asked for, until they answer. */
export class ImageMoves {
  readonly #deps: ImageMovesDeps;
  readonly #waiting = new Map<string, { readonly nodeId: NodeId; readonly request: Request; end(error?: Error): void }>();

  constructor(deps: ImageMovesDeps) {
    this.#deps = deps;
  }

  get isMoving(): boolean {
    return this.#waiting.size > 0;
  }

  /** Returns the number of moves that a node is asked for. */
  of(nodeId: NodeId): number {
    return [...this.#waiting.values()].filter((one) => one.nodeId === nodeId).length;
  }

  /** Resolves when the node has moved the image. Rejects with its reason, or when it goes. */
  ask(nodeId: NodeId, request: Request, closing: AbortSignal): Promise<void> {
    const key = keyOf(nodeId, request.value.image, request.kind === 'pushImage');
    return new Promise((resolve, reject) => {
      closing.throwIfAborted();
      const end = (error?: Error) => {
        timer.cancel();
        silence.cancel();
        closing.removeEventListener('abort', abort);
        this.#waiting.delete(key);
        if (error === undefined) resolve();
        else reject(error);
      };
      const abort = () => end(new Error('the controller is shutting down'));
      const timer = this.#deps.clock.after(LIMIT_MS, () => end(new Error(`the node did not answer within ${LIMIT_MS / 60_000} minutes`)));
      const silentMs = SILENT_MS[request.kind];
      const askedMs = this.#deps.clock.monotonic();
      const watch = (afterMs: number): Timer =>
        this.#deps.clock.after(afterMs, () => {
          const leftMs = Math.max(askedMs, this.#deps.passedAtMs(nodeId) ?? 0) + silentMs - this.#deps.clock.monotonic();
          if (leftMs > 0) silence = watch(leftMs);
          else end(new Error(`the node moved nothing for ${silentMs / 1000} seconds`));
        });
      let silence = watch(silentMs);
      closing.addEventListener('abort', abort);
      this.#waiting.set(key, { nodeId, request, end });
      if (!this.#deps.send(nodeId, request)) end(new Error('the node is not connected'));
    });
  }

  moved(nodeId: NodeId, { image, pushed, error }: Moved): void {
    this.#waiting.get(keyOf(nodeId, image, pushed))?.end(error === '' ? undefined : new NodeFailure(error));
  }

  /**
   * Repeats the requests to a node on its new stream. A request or its answer can be lost with the
   * one before, and a restarted node agent does not know them. A node that still works on one
   * answers it once. A node agent of a release that moves no images is not asked.
   */
  connected(nodeId: NodeId, canMove: boolean): void {
    for (const one of [...this.#waiting.values()]) {
      if (one.nodeId !== nodeId) continue;
      if (canMove) this.#deps.send(nodeId, one.request);
      else one.end(new Error('its node agent is of a release that moves no images'));
    }
  }

  gone(nodeId: NodeId): void {
    for (const one of [...this.#waiting.values()]) if (one.nodeId === nodeId) one.end(new Error('the node disconnected'));
  }
}

const keyOf = (nodeId: NodeId, image: string, pushed: boolean): string => `${nodeId} ${pushed} ${image}`;
