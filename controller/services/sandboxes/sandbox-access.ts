import type { Clock } from '../../../seams/clock.ts';
import type { Attribution } from '../../domain/audit/audit.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SandboxRow } from '../../domain/sandboxes/rows.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import type { Caller } from '../access/caller.ts';
import type { Accounts } from '../access/login-service.ts';
import type { Proof } from '../access/proof.ts';
import type { SandboxTokens, SignedFile } from './sandbox-tokens.ts';
import type { Signers } from './signers.ts';

export interface SandboxAccessDeps {
  readonly view: View;
  readonly accounts: Pick<Accounts, 'callerOf'>;
  readonly tokens: SandboxTokens;
  readonly signers: Signers;
  readonly clock: Pick<Clock, 'now'>;
}

/** A sandbox, and who uses it: the holder of the API key that its token was given to. */
export interface Access {
  readonly sandbox: SandboxRow;
  readonly session: SessionRow;
  readonly caller: Caller;
  readonly keyId: string;
}

export type SandboxAccess = ReturnType<typeof sandboxAccess>;

const WRONG_TOKEN = refused('UNAUTHORIZED', 'The access token of the sandbox is missing or invalid. Connect to the sandbox again.');

/** Finds sandboxes by id and token, or by the signature of a URL. */
export function sandboxAccess({ view, accounts, tokens, signers, clock }: SandboxAccessDeps) {
  function judged(proof: Extract<Proof, { kind: 'api-key' }>): Caller | undefined {
    if (clock.now() >= proof.expiresAtMs) return undefined;
    const caller = accounts.callerOf(proof);
    return caller && { ...caller, now: () => judged(proof) };
  }

  /** Returns the caller of an API key by its id, as long as the key is valid. */
  function callerOf(keyId: string): Caller | undefined {
    const key = view.get('apiKeys', keyId);
    if (key === undefined) return undefined;
    return judged({ kind: 'api-key', keyId, accountId: key.accountId, expiresAtMs: key.expiresAt ?? Number.POSITIVE_INFINITY });
  }

  /** Returns a sandbox that was not deleted; undefined also for a snapshot. */
  function live(id: string): Pick<Access, 'sandbox' | 'session'> | undefined {
    const [sandbox, session] = [view.get('sandboxes', id), view.get('sessions', id)];
    if (sandbox?.kind !== 'sandbox' || session === undefined || session.desired === 'deleted' || session.desired === 'failed')
      return undefined;
    return { sandbox, session };
  }

  function held(found: Pick<Access, 'sandbox' | 'session'>, keyId: string | undefined): Outcome<Access> {
    const caller = keyId === undefined ? undefined : callerOf(keyId);
    return keyId === undefined || caller === undefined ? WRONG_TOKEN : accepted({ ...found, caller, keyId });
  }

  return {
    live,
    byToken: (found: Pick<Access, 'sandbox' | 'session'>, token: string): Outcome<Access> =>
      held(found, tokens.holderOf(found.sandbox, token)),
    bySignature: (found: Pick<Access, 'sandbox' | 'session'>, signature: string, file: SignedFile): Outcome<Access> =>
      held(found, tokens.signerOf(found.sandbox, signature, file)),
    /** Returns the access of the newest key that is valid, as whose holder anybody uses the ports. */
    byHolder(found: Pick<Access, 'sandbox' | 'session'>): Access | undefined {
      for (const keyId of found.sandbox.holders) {
        const caller = callerOf(keyId);
        if (caller !== undefined) return { ...found, caller, keyId };
      }
      return undefined;
    },
    /** Finds the sandbox whose token signed this; undefined if there is none. See {@link Signers.find}. */
    async signed(signature: string, file: SignedFile, mayTry: Parameters<Signers['find']>[2]): Promise<Outcome<Access | undefined>> {
      const signed = await signers.find(signature, file, mayTry);
      if (!signed.ok || signed.value === undefined) return signed.ok ? accepted(undefined) : signed;
      const found = live(signed.value.id);
      const access = found === undefined ? undefined : held(found, signed.value.keyId);
      return accepted(access?.ok === true ? access.value : undefined);
    },
  };
}

/** Who a request by an API key is attributed to. */
export const attributionOf = (
  caller: Pick<Caller, 'accountId' | 'user'>,
  keyId: string,
  request: { readonly address: string; readonly requestId: string; readonly action: string; readonly id?: SessionId | string | undefined },
): Attribution => ({
  actor: { type: 'ServiceAccount', id: caller.accountId, name: caller.user },
  credential: `key:${keyId}`,
  address: request.address === '' ? null : request.address,
  requestId: request.requestId,
  action: request.action,
  thing: { kind: 'sessions', ref: request.id ?? null, space: null },
});
