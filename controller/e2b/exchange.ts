import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../seams/clock.ts';
import type { Log } from '../../seams/log.ts';
import type { Random } from '../../seams/random.ts';
import type { SessionId } from '../domain/engine/ids.ts';
import type { Outcome } from '../domain/engine/outcome.ts';
import type { View } from '../domain/engine/view.ts';
import type { Caller } from '../services/access/caller.ts';
import type { Budgets } from '../services/budget/budgets.ts';
import type { Payer } from '../services/budget/payer.ts';
import type { SandboxAccess } from '../services/sandboxes/sandbox-access.ts';
import type { Holder, Sandboxes } from '../services/sandboxes/sandbox-service.ts';
import type { SandboxTokens } from '../services/sandboxes/sandbox-tokens.ts';
import type { Services } from '../services/services.ts';

/** Where a request comes from. */
export interface ClientAddressReader {
  addressOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string;
  networkOf(request: Pick<IncomingMessage, 'headers' | 'socket'>): string;
}

/** Opens connections to programs in sessions. */
export interface PortConnections {
  connect(caller: Caller, id: SessionId, port: number, payer: Payer, signal: AbortSignal): Promise<Outcome<Duplex>>;
}

/** Bounds on connections and on late bodies, which the listener shares with that of REST. */
export interface ListenerBounds {
  attach(server: Server): void;
  /** Counts a connection for the payer of a request that it can make, once. Until then it is a stranger's. */
  admitted(socket: Socket, payer: Payer): Outcome<unknown> | undefined;
  /** From now on, a body can take any time as long as bytes come. */
  judgeByProgress(req: IncomingMessage): void;
  /** From now on, something else bounds how long a body takes. */
  trustBody(req: IncomingMessage): void;
}

export interface E2bDeps {
  readonly services: Pick<Services, 'accounts' | 'audit' | 'exec' | 'processes' | 'files'>;
  /** Undefined: no port of a sandbox is open. */
  readonly ports?: PortConnections | undefined;
  readonly sandboxes: Sandboxes;
  readonly access: SandboxAccess;
  readonly tokens: SandboxTokens;
  readonly view: View;
  readonly budgets: Budgets;
  readonly bounds: ListenerBounds;
  readonly addresses: ClientAddressReader;
  /** The name below which ports have hosts of their own. */
  readonly domain?: string | undefined;
  /** Calls the listener when a sandbox no longer runs. */
  onRest(listener: (id: string) => void): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A request and its answer. */
export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly url: URL;
  readonly requestId: string;
  /** Aborts when the client leaves before the answer is complete. */
  readonly signal: AbortSignal;
}

/** A request of the control plane by an API key. */
export interface ControlExchange extends Exchange {
  readonly holder: Holder;
  readonly payer: Payer;
  /** Of the path. */
  readonly id: string;
  body(): Promise<Buffer | undefined>;
}
