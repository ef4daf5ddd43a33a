import { refused } from '../../domain/engine/outcome.ts';
import { attributed, type Caller } from '../../services/access/caller.ts';
import { canonicalKey } from '../../services/access/key-forms.ts';
import type { Proof } from '../../services/access/proof.ts';
import { standingOf } from '../../services/budget/payer.ts';
import { attributionOf } from '../../services/sandboxes/sandbox-access.ts';
import { STATUS_OF, sendError, sendRefusal } from '../answers.ts';
import { readBody } from '../body.ts';
import type { E2bDeps, Exchange } from '../exchange.ts';
import { type FoundRoute, routeTable } from './control-route.ts';
import { lifeCycleRoutes } from './life-cycle.ts';
import { readingRoutes } from './reading.ts';
import { refusedPath } from './refused-routes.ts';

const MAX_BODY_BYTES = 1024 * 1024;
const NO_KEY = refused(
  'UNAUTHORIZED',
  'The API key is missing, invalid, expired or revoked. Set E2B_API_KEY to the e2b_key of an API key of Raworc.',
).refusal;

type KeyProof = Extract<Proof, { kind: 'api-key' }>;

/** Answers requests of E2B's REST API by API keys. */
export function controlPlane(deps: E2bDeps) {
  const { services, budgets, bounds, addresses, clock, log } = deps;
  const find = routeTable([...lifeCycleRoutes(deps), ...readingRoutes(deps)]);

  function judged(proof: KeyProof): Caller | undefined {
    const caller = clock.now() < proof.expiresAtMs ? services.accounts.callerOf(proof) : undefined;
    return caller && { ...caller, now: () => judged(proof) };
  }

  function proofIn({ req }: Exchange): KeyProof | undefined {
    const bearer = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
    const sent = req.headers['x-api-key'] ?? bearer;
    const key = typeof sent === 'string' ? canonicalKey(sent) : undefined;
    const proof = key === undefined ? undefined : services.accounts.keyProof(key);
    return proof?.kind === 'api-key' ? proof : undefined;
  }

  async function admitted(exchange: Exchange, { route, id }: FoundRoute): Promise<void> {
    const { req, res, requestId } = exchange;
    const address = addresses.addressOf(req);
    const stranger = { address: addresses.networkOf(req), standing: 'outsider' } as const;
    const asStranger = budgets.charge('strangers', stranger);
    if (!asStranger.ok) return sendRefusal(res, asStranger.refusal);
    const proof = proofIn(exchange);
    const known = proof === undefined ? undefined : judged(proof);
    if (proof === undefined || known === undefined) {
      const anonymous = { type: 'Anonymous', id: null, name: null } as const;
      const thing = { kind: 'sessions', ref: id === '' ? null : id, space: null };
      services.audit.refused({ actor: anonymous, credential: null, address, requestId, action: route.action, thing }, 'UNAUTHORIZED');
      return sendRefusal(res, NO_KEY);
    }
    budgets.giveBack('strangers', stranger);
    const { keyId } = proof;
    const payer = { account: known.accountId, key: keyId, address: stranger.address, standing: standingOf(known) };
    const connected = bounds.admitted(req.socket, payer);
    if (connected?.ok === false) return sendRefusal(res, connected.refusal);
    const about = attributionOf(known, keyId, { address, requestId, action: route.action, id: id === '' ? undefined : id });
    const caller = route.method === 'GET' ? known : attributed(known, about);
    const charged = budgets.charge('requests', payer);
    if (!charged.ok) return sendRefusal(res, charged.refusal);
    const changes = route.method === 'GET' ? undefined : budgets.charge('changes', payer);
    if (changes?.ok === false) return sendRefusal(res, changes.refusal);
    const place = budgets.take('requests', payer);
    if (!place.ok) return sendRefusal(res, place.refusal);
    const held = budgets.open('body_bytes', payer);
    const body = async () => {
      const bytes = await readBody(req, { maxBytes: MAX_BODY_BYTES, clock, held });
      if (bytes.ok) return bytes.value;
      sendRefusal(res, bytes.refusal);
      return undefined;
    };
    try {
      await route.handle({ ...exchange, holder: { caller, keyId }, payer, id, body });
      if (res.statusCode === STATUS_OF.FORBIDDEN) services.audit.refused(about, 'FORBIDDEN');
    } finally {
      held.release();
      place.value();
    }
  }

  return async (exchange: Exchange): Promise<void> => {
    const { req, res, url } = exchange;
    const found = find(req.method ?? '', url.pathname);
    try {
      if (found !== undefined) await admitted(exchange, found);
      else if (!refusedPath(url.pathname, res)) sendError(res, 404, `The path ${url.pathname.slice(0, 200)} does not exist.`);
    } catch (fault) {
      log.error('e2b.fault', {
        request_id: exchange.requestId,
        fault: fault instanceof Error ? (fault.stack ?? fault.message) : String(fault),
      });
      sendError(res, 500, `Unexpected server error. Quote the request id ${exchange.requestId} when you report it.`);
    }
  };
}
