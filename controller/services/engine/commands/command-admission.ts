import type { Counter, Metrics } from '../../../../seams/metrics.ts';
import { STALE } from '../../../domain/access/refusals.ts';
import { type Command, unchanged } from '../../../domain/engine/command.ts';
import { type Outcome, type Refused, refused } from '../../../domain/engine/outcome.ts';
import type { Attributed } from '../../audit/audit-record.ts';
import { type CommandQueue, MAX_PENDING } from './command-queue.ts';

/** Returns why client commands that grow the store are refused now, or undefined. */
export type GrowthRefusal = () => string | undefined;

export interface AdmissionDeps {
  readonly queue: Pick<CommandQueue, 'fullOf'>;
  readonly metrics: Metrics;
  readonly growthRefusal: GrowthRefusal | undefined;
}

/** Decides which commands of clients the applier takes. */
export class CommandAdmission {
  readonly #queue: AdmissionDeps['queue'];
  readonly #growthRefusal: GrowthRefusal;
  readonly #refused: Counter<'bound'>;
  readonly #stale: Counter;

  constructor({ queue, metrics, growthRefusal = () => undefined }: AdmissionDeps) {
    this.#queue = queue;
    this.#growthRefusal = growthRefusal;
    this.#refused = metrics.counter({
      name: 'commands_refused_total',
      help: 'Client commands refused before they were decided, by the exceeded bound.',
      labels: ['bound'],
    });
    this.#stale = metrics.counter({
      name: 'commands_stale_total',
      help: 'Client commands not decided because the permissions of their caller had changed. Their requests are checked again.',
    });
  }

  /** Returns why a command of so many bytes is not taken now, or undefined. */
  refusalOf({ grows }: Pick<Command<unknown>, 'grows'>, bytes: number): Refused | undefined {
    const low = grows === true ? this.refusesGrowth() : undefined;
    if (low !== undefined) return low;
    const bound = this.#queue.fullOf(bytes);
    if (bound === undefined) return undefined;
    this.#refused.add(1, { bound });
    const waits =
      bound === 'commands' ? `${MAX_PENDING.commands} requests are waiting` : `${MAX_PENDING.bytes / 2 ** 20} MiB of requests are waiting`;
    return refused('RATE_LIMITED', `The controller is overloaded: ${waits}. Retry in a second.`, { retry_after_s: 1 });
  }

  /** Returns the refusal of commands that grow the store, or undefined while they are accepted. */
  refusesGrowth(): Refused | undefined {
    const reason = this.#growthRefusal();
    if (reason === undefined) return undefined;
    this.#refused.add(1, { bound: 'disk' });
    return refused('UNAVAILABLE', reason, { retry_after_s: 30 });
  }

  /** Returns the command, refused as stale if its caller's permissions have changed at its turn. */
  ifCurrent<Value>(command: Command<Outcome<Value>>, by: Attributed | undefined): Command<Outcome<Value>> {
    const isCurrent = by?.isCurrent;
    if (isCurrent === undefined) return command;
    return {
      ...command,
      decide: (state) => {
        if (isCurrent()) return command.decide(state);
        this.#stale.add();
        return unchanged(STALE);
      },
    };
  }
}
