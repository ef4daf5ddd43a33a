import { type Clock, pause } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import { MAX_BINDINGS_SHOWN, type MeObject } from '../../contract/access/auth.ts';
import { recordLogin } from '../../domain/access/commands/logins.ts';
import { endTokens, revokeToken } from '../../domain/access/commands/tokens.ts';
import type { AccountRow } from '../../domain/access/rows.ts';
import type { Attribution } from '../../domain/audit/audit.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { Applier } from '../engine/applier.ts';
import type { Caller } from './caller.ts';
import type { KeyUse } from './key-use.ts';
import type { LoginThrottle } from './login-throttle.ts';
import type { Passwords } from './passwords.ts';
import type { Proof } from './proof.ts';
import { Queues } from './queues.ts';
import type { RightsCache, RightsChange } from './rights.ts';
import type { TokenHolder } from './tokens.ts';

const WRONG = refused('UNAUTHORIZED', 'Wrong user or password.');
const NO_TOKEN = refused('FORBIDDEN', 'An API key cannot be refreshed or logged out. Revoke it with DELETE /api-keys/{id}.');

export type Accounts = ReturnType<typeof accountService>;

export interface AccountDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly rights: RightsCache;
  readonly keyUse: KeyUse;
  readonly passwords: Passwords;
  readonly throttle: LoginThrottle;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Waiting attempts of one account from one network. */
const MAX_ATTEMPTS = 32;
const TOO_MANY = refused('RATE_LIMITED', 'Too many concurrent logins of this account. Retry in 2 s.', {
  budget: 'logins',
  retry_after_s: 2,
});

/**
 * Answers refused attempts late: a stranger who retries at once would take processor time from
 * everybody, and one who waits for an answer does not retry.
 */
const REFUSAL_DELAY_MS = 2000;
/** Refusals that are delayed at once; others are answered immediately. */
const MAX_DELAYED = 1024;

/** Logs in, authenticates, refreshes and logs out callers. */
export function accountService({ applier, view, rights, keyUse, passwords, throttle, clock, metrics }: AccountDeps) {
  const attempts = new Queues(MAX_ATTEMPTS);
  const logins = metrics.counter({
    name: 'logins_total',
    help: 'Logins by outcome: ok, wrong user or password, or refused after too many attempts.',
    labels: ['outcome'],
  });

  let delayed = 0;
  async function delayRefusal(): Promise<void> {
    if (delayed >= MAX_DELAYED) return;
    delayed += 1;
    await pause(clock, REFUSAL_DELAY_MS);
    delayed -= 1;
  }

  async function login(user: string, password: string, network: string, by: Attribution): Promise<Outcome<TokenHolder>> {
    const rank = throttle.rankOf(user, network);
    const admission = throttle.begin(user, network);
    if (!admission.admitted) {
      const seconds = admission.retryAfterS;
      const details = { budget: 'logins', retry_after_s: seconds };
      return refused('RATE_LIMITED', `Too many failed logins. Retry in ${seconds} s.`, details);
    }
    if (admission.delayMs > 0) await pause(clock, admission.delayMs);
    const account: AccountRow | undefined = view.accountByUser(user);
    const right = await passwords.verify(password, account?.passwordHash, { key: network, rank });
    if (!right.ok) return right;
    if (!right.value || account === undefined || !account.active) return WRONG;
    throttle.succeeded(user, network);
    const actor = { type: 'ServiceAccount', id: account.id, name: account.user } as const;
    await applier.apply(recordLogin(account.id), { attribution: { ...by, actor, credential: 'password' } });
    return accepted({ accountId: account.id, user: account.user, version: account.version });
  }

  return {
    /**
     * 401 alike for a wrong password, an unknown user and an inactive account; 429 with
     * `details.retry_after_s` after repeated failures.
     */
    async login(user: string, password: string, network: string, by: Attribution): Promise<Outcome<TokenHolder>> {
      // One at a time: concurrent logins with the right password then do not count as guesses, and
      // concurrent guesses gain nothing.
      const turn = await attempts.wait(`${network} ${user}`);
      const done = turn === undefined ? TOO_MANY : await login(user, password, network, by).finally(turn);
      if (!done.ok && done.refusal.code === 'RATE_LIMITED') await delayRefusal();
      logins.add(1, { outcome: done.ok ? 'ok' : done.refusal.code === 'UNAUTHORIZED' ? 'wrong' : 'refused' });
      return done;
    },
    /**
     * Returns the caller of a proof, or undefined once it is revoked. Does not check its expiry.
     */
    callerOf: (proof: Proof): Caller | undefined => rights.callerOf(proof),
    /** Returns the proof of an API key, or undefined for an unknown key. */
    keyProof(key: string): Proof | undefined {
      const proof = rights.keyProof(key);
      if (proof?.kind === 'api-key' && clock.now() < proof.expiresAtMs) keyUse.note(proof.keyId);
      return proof;
    },
    /** Returns the holder of the new token. 403 for an API key. */
    refresh(proof: Proof): Outcome<TokenHolder> {
      if (proof.kind !== 'token') return NO_TOKEN;
      const caller = rights.callerOf(proof);
      if (caller === undefined) return refused('UNAUTHORIZED', 'This token was revoked. Log in again.');
      return accepted({ accountId: caller.accountId, user: caller.user, version: proof.version });
    },
    /** Revokes this token, or with `everywhere` every token of the account. 403 for an API key. */
    async logout(caller: Caller, proof: Proof, everywhere: boolean): Promise<Outcome<undefined>> {
      if (proof.kind !== 'token') return NO_TOKEN;
      await applier.apply(everywhere ? endTokens(proof.accountId) : revokeToken(proof.tokenId, proof.expiresAtMs), caller);
      return accepted(undefined);
    },
    /**
     * Calls the listener after each commit that can have revoked permissions, before its events are
     * published.
     */
    onRightsChanged: (listener: (change: RightsChange) => void): void => rights.onChanged(listener),
    me: (caller: Caller): MeObject => ({
      user: caller.user,
      id: caller.accountId,
      type: 'ServiceAccount',
      namespace: null,
      roles: caller.permissions.roleNames(),
      role_bindings: bindingsOf(view, caller),
    }),
  };
}

function bindingsOf(view: View, { permissions }: Caller): MeObject['role_bindings'] {
  const held = permissions.bindings();
  const [everywhere, inSpaces] = [held.filter(({ spaceId }) => spaceId === null), held.filter(({ spaceId }) => spaceId !== null)];
  return [...everywhere, ...inSpaces].slice(0, MAX_BINDINGS_SHOWN).map(({ role, spaceId }) => ({
    role_name: role,
    space: spaceId === null ? null : (view.get('spaces', spaceId)?.name ?? spaceId),
  }));
}
