import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Verb } from '../../contract/access/roles.ts';
import { accepted, type Outcome, type Refusal, refused } from '../../domain/engine/outcome.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { sessionFor } from '../../services/access/access.ts';
import { attributed } from '../../services/access/caller.ts';
import { type Payer, standingOf } from '../../services/budget/payer.ts';
import { type Access, attributionOf } from '../../services/sandboxes/sandbox-access.ts';
import type { Sandbox } from '../../services/sandboxes/sandbox-service.ts';
import type { SignedFile } from '../../services/sandboxes/sandbox-tokens.ts';
import { sendError, sendGone, sendNothing, sendRefusal } from '../answers.ts';
import type { E2bDeps, Exchange } from '../exchange.ts';
import { type Destination, ENVD_PORT } from '../routing.ts';
import { envd } from './envd.ts';
import { OpenAnswers } from './open-answers.ts';
import { type PortTarget, portProxy } from './port-proxy.ts';

type DataDestination = Exclude<Destination, { plane: 'control' }>;

const EXPIRED = refused('UNAUTHORIZED', 'signature is already expired');
const WRONG_SIGNATURE = refused('UNAUTHORIZED', 'invalid signature');
const NO_TOKEN = refused('UNAUTHORIZED', 'The access token of the sandbox is missing or invalid. Connect to the sandbox again.');
const NO_SIGNATURE = refused('UNAUTHORIZED', 'missing signature query parameter');
/** Tokens that are tried for one request of a stranger. */
const TRIED_PER_CHARGE = 200;

/** Answers requests for the processes, files and ports of sandboxes. */
export function dataPlane(deps: E2bDeps) {
  const { access, budgets, bounds, addresses, sandboxes, clock, view } = deps;
  const answerEnvd = envd(deps);
  const proxy = portProxy(deps);
  const open = new OpenAnswers(clock);
  deps.onRest((id) => open.cut(id));

  /** Returns the session if the holder of the key can still use it: the role of its account can have changed. */
  function usable({ caller, session }: Access, verb: Verb): Outcome<SessionRow> {
    const now = caller.now();
    return now === undefined ? NO_TOKEN : sessionFor(view, now, session.id, verb);
  }

  /** A socket can carry other answers later, so only one whose answer is not complete is cut. */
  const holdAnswer = (found: Access, verb: Verb, res: ServerResponse): void =>
    open.add(found.session.id, res, {
      isAllowed: () => usable(found, verb).ok,
      cut: () => {
        if (!res.writableEnded) res.destroy();
      },
    });

  const strangerOf = (req: IncomingMessage): Payer => ({ address: addresses.networkOf(req), standing: 'outsider' });

  function signedFile({ req, url }: Exchange): SignedFile | Refusal {
    const { searchParams: query } = url;
    const expiration = query.get('signature_expiration');
    if (expiration !== null && !/^\d{1,15}$/.test(expiration)) return WRONG_SIGNATURE.refusal;
    return {
      path: query.get('path') ?? '',
      operation: req.method === 'POST' ? 'write' : 'read',
      user: query.get('username') ?? '',
      expiresS: expiration === null ? undefined : Number(expiration),
    };
  }

  /** Right but past is another refusal than wrong. */
  const inTime = (found: Access, { expiresS }: SignedFile): Outcome<Access> =>
    expiresS !== undefined && expiresS * 1000 < clock.now() ? EXPIRED : accepted(found);

  async function bySignature(exchange: Exchange, found: Sandbox | undefined): Promise<Outcome<Access>> {
    const signature = exchange.url.searchParams.get('signature');
    const file = signedFile(exchange);
    if (signature === null) return NO_SIGNATURE;
    if ('code' in file) return { ok: false, refusal: file };
    if (found !== undefined) {
      const one = access.bySignature(found, signature, file);
      return one.ok ? inTime(one.value, file) : WRONG_SIGNATURE;
    }
    let tried = 0;
    const stranger = strangerOf(exchange.req);
    const searched = await access.signed(signature, file, (count) => {
      const amount = Math.ceil(count / TRIED_PER_CHARGE);
      const charged = budgets.charge('strangers', stranger, amount);
      if (charged.ok) tried += amount;
      return charged;
    });
    if (!searched.ok) return searched;
    if (searched.value === undefined) return WRONG_SIGNATURE;
    budgets.giveBack('strangers', stranger, tried);
    return inTime(searched.value, file);
  }

  async function permitted(exchange: Exchange, found: Sandbox): Promise<Outcome<Access>> {
    const token = exchange.req.headers['x-access-token'];
    if (typeof token === 'string') return access.byToken(found, token);
    return exchange.url.pathname === '/files' ? bySignature(exchange, found) : NO_TOKEN;
  }

  /** Returns the access of a request, for a sandbox that runs; undefined once it was answered. */
  async function admitted(exchange: Exchange, destination: DataDestination): Promise<Access | undefined> {
    const { req, res, signal } = exchange;
    const charged = budgets.charge('strangers', strangerOf(req));
    if (!charged.ok) return void sendRefusal(res, charged.refusal);
    const live = destination.plane === 'data' ? access.live(destination.id) : undefined;
    if (destination.plane === 'data' && live === undefined) return void sendGone(res, destination.id);
    const found = await (live === undefined ? bySignature(exchange, undefined) : permitted(exchange, live));
    if (!found.ok) {
      if (live !== undefined && live.session.desired !== 'running') return void sendGone(res, live.sandbox.id);
      return void sendRefusal(res, found.refusal);
    }
    budgets.giveBack('strangers', strangerOf(req));
    const { sandbox, session, caller } = found.value;
    if (session.desired === 'running') return found.value;
    if (!sandbox.autoResume || session.desired !== 'paused') return void sendGone(res, sandbox.id);
    const woken = await sandboxes.wake(caller, { sandbox, session }, signal);
    const again = woken.ok ? access.live(sandbox.id) : undefined;
    if (again?.session.desired === 'running') return { ...found.value, ...again };
    sendError(res, 409, 'The sandbox did not resume in time. Retry in a few seconds.');
    return undefined;
  }

  /** Tells whether a sandbox runs, to anybody who knows its id. */
  async function health(exchange: Exchange, id: string): Promise<void> {
    const { res, req } = exchange;
    const live = access.live(id);
    if (live?.session.desired === 'running') return sendNothing(res);
    const charged = budgets.charge('strangers', strangerOf(req));
    if (!charged.ok) return sendRefusal(res, charged.refusal);
    if (live === undefined || req.headers['x-access-token'] === undefined) return sendGone(res, id);
    if ((await admitted(exchange, { plane: 'data', id, port: ENVD_PORT })) !== undefined) sendNothing(res);
  }

  /** Returns the port of a sandbox that runs, which anybody can use who knows its id; undefined if there is none. */
  async function reached(
    req: IncomingMessage,
    { id, port }: Extract<Destination, { plane: 'data' }>,
    signal: AbortSignal,
  ): Promise<Outcome<PortTarget> | undefined> {
    const charged = budgets.charge('strangers', strangerOf(req));
    if (!charged.ok) return charged;
    const live = access.live(id);
    const found = live && access.byHolder(live);
    if (found === undefined) return undefined;
    budgets.giveBack('strangers', strangerOf(req));
    const { sandbox, session, caller } = found;
    const payer = payerOf(req, found);
    const accounted = paid(req, payer);
    if (!accounted.ok) return accounted;
    bounds.trustBody(req);
    if (session.desired === 'running') return accepted({ access: found, payer, port });
    if (!sandbox.autoResume || session.desired !== 'paused') return undefined;
    const woken = await sandboxes.wake(caller, { sandbox, session }, signal);
    return woken.ok ? accepted({ access: found, payer, port }) : undefined;
  }

  /** Charges the connection and the request to the payer. */
  function paid(req: IncomingMessage, payer: Payer): Outcome<unknown> {
    const connected = bounds.admitted(req.socket, payer);
    return connected?.ok === false ? connected : budgets.charge('requests', payer);
  }

  const payerOf = (req: IncomingMessage, { caller, keyId, sandbox }: Access): Payer => ({
    ...{ account: caller.accountId, key: keyId, space: sandbox.spaceId },
    ...{ address: addresses.networkOf(req), standing: standingOf(caller) },
  });

  return {
    async answer(exchange: Exchange, destination: DataDestination): Promise<void> {
      const { req, res, url, requestId } = exchange;
      if (destination.plane === 'data' && destination.port === 0) return sendError(res, 400, 'The port must be from 1 to 65535.');
      if (destination.plane === 'data' && destination.port !== ENVD_PORT) {
        const there = await reached(req, destination, exchange.signal);
        if (there === undefined) return sendGone(res, destination.id);
        if (!there.ok) return sendRefusal(res, there.refusal);
        holdAnswer(there.value.access, 'ports', res);
        return proxy.answer(exchange, there.value);
      }
      if (destination.plane === 'data' && url.pathname === '/health' && req.method === 'GET') return health(exchange, destination.id);
      const found = await admitted(exchange, destination);
      if (found === undefined) return;
      const payer = payerOf(req, found);
      const charged = paid(req, payer);
      if (!charged.ok) return sendRefusal(res, charged.refusal);
      if (url.pathname === '/files') bounds.judgeByProgress(req);
      const about = {
        address: addresses.addressOf(req),
        requestId,
        action: actionOf(url.pathname, req.method ?? ''),
        id: found.sandbox.id,
      };
      const caller = attributed(found.caller, attributionOf(found.caller, found.keyId, about));
      const verb = verbOf(url.pathname);
      const permitted = usable(found, verb);
      if (!permitted.ok) return sendRefusal(res, permitted.refusal);
      holdAnswer(found, verb, res);
      await answerEnvd({ ...exchange, access: { ...found, caller }, payer });
    },
    async upgrade(req: IncomingMessage, socket: Duplex, head: Buffer, destination: Extract<Destination, { plane: 'data' }>): Promise<void> {
      const left = new AbortController();
      socket.once('close', () => left.abort());
      const isPort = destination.port !== ENVD_PORT && destination.port !== 0;
      const there = isPort ? await reached(req, destination, left.signal) : undefined;
      if (there?.ok === true) {
        const { access: found } = there.value;
        open.add(found.session.id, socket, { isAllowed: () => usable(found, 'ports').ok, cut: () => void socket.destroy() });
        return proxy.upgrade(req, socket, head, there.value);
      }
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    },
    close: () => open.close(),
  };
}

const verbOf = (path: string): Verb => (path === '/files' || path.startsWith('/filesystem.') ? 'files' : 'exec');

/** In audit records: `e2bProcessStart`, `e2bReadFile`. */
function actionOf(path: string, method: string): string {
  const call = /^\/(process\.Process|filesystem\.Filesystem)\/([A-Za-z]{1,32})$/.exec(path);
  if (call !== null) return `e2b${call[1] === 'process.Process' ? 'Process' : 'Filesystem'}${call[2]}`;
  return method === 'POST' ? 'e2bWriteFile' : 'e2bReadFile';
}
