import type { Report__Output as WireReport } from '../../proto/generated/raworc/node/v0/Report.ts';
import type { Relay } from '../guests/relay.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Status } from '../session/status.ts';
import { encodeReport } from './encode.ts';
import type { Outbox } from './outbox.ts';

export interface ReportSenderDeps {
  readonly ledger: Pick<Ledger, 'boot'>;
  readonly relay: Pick<Relay, 'guestState'>;
  readonly outbox: Outbox;
}

/** Sends reports on sessions, ordered by the node agent's boot and then by number. */
export class ReportSender {
  readonly #deps: ReportSenderDeps;
  #number = 0;

  constructor(deps: ReportSenderDeps) {
    this.#deps = deps;
  }

  send(status: Status): void {
    this.#deps.outbox.keep(`report:${status.sessionId}`, { kind: 'report', value: this.report(status) });
  }

  /** The next report in the order. */
  report(status: Status): WireReport {
    const { ledger, relay } = this.#deps;
    const { sessionId } = status;
    this.#number += 1;
    const order = { boot: ledger.boot, number: this.#number };
    return encodeReport(status, order, relay.guestState(sessionId));
  }
}
