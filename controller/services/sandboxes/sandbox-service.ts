import type { Clock } from '../../../seams/clock.ts';
import type { Random } from '../../../seams/random.ts';
import type { SessionId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, type Refused, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import { changeSandbox } from '../../domain/sandboxes/commands/change-sandbox.ts';
import type { NewSandbox } from '../../domain/sandboxes/new-sandbox.ts';
import type { OnTimeout, SandboxRow } from '../../domain/sandboxes/rows.ts';
import { isSettled } from '../../domain/sessions/life-cycle.ts';
import type { SessionRow } from '../../domain/sessions/rows.ts';
import { refreshed, sessionFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import type { Lists, SandboxQuery } from '../engine/lists.ts';
import type { Waiters } from '../engine/waiters.ts';
import type { Sessions } from '../sessions/session-service.ts';
import { NONCE, type SandboxTokens } from './sandbox-tokens.ts';
import { fromTemplate, templateOf } from './templates.ts';

/** The SDKs of E2B give up after 60 s. */
const UP_WITHIN_MS = 55_000;

export interface SandboxDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Pick<Lists, 'sandboxes'>;
  readonly waiters: Waiters;
  readonly sessions: Pick<Sessions, 'create' | 'remix' | 'resume' | 'change' | 'remove'>;
  readonly tokens: SandboxTokens;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a client asks of a new sandbox. */
export interface NewSandboxInput {
  readonly template: string;
  readonly timeoutMs: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly envs: Readonly<Record<string, string>>;
  readonly onTimeout: OnTimeout;
  readonly autoResume: boolean;
}

/** The API key of a request. Its sandboxes are made in its space. */
export interface Holder {
  readonly caller: Caller;
  readonly keyId: string;
}

export interface Sandbox {
  readonly sandbox: SandboxRow;
  readonly session: SessionRow;
}

/** A sandbox with the access token of the key that asked for it. */
export interface Granted extends Sandbox {
  readonly token: string;
}

export type Sandboxes = ReturnType<typeof sandboxService>;

const NO_SANDBOX = refused('NOT_FOUND', 'The sandbox does not exist.');

/** Sandboxes of the API of E2B: sessions with an end, an access token, and variables of their own. */
export function sandboxService(deps: SandboxDeps) {
  const { applier, view, lists, waiters, sessions, tokens, clock, random } = deps;

  function find(caller: Caller, id: string, verb: 'get' | 'update' | 'delete', kind: SandboxRow['kind'] = 'sandbox'): Outcome<Sandbox> {
    const sandbox = view.get('sandboxes', id.toLowerCase());
    if (sandbox?.kind !== kind) return NO_SANDBOX;
    const session = sessionFor(view, caller, sandbox.id, verb);
    if (session.ok) return accepted({ sandbox, session: session.value });
    return session.refusal.code === 'NOT_FOUND'
      ? { ok: false, refusal: { ...session.refusal, message: NO_SANDBOX.refusal.message } }
      : session;
  }

  async function inTime<T>(signal: AbortSignal, work: (patience: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const timer = clock.after(UP_WITHIN_MS, () => late.abort());
    return work(AbortSignal.any([signal, late.signal])).finally(() => timer.cancel());
  }

  /** Resolves once the session has reached its desired state; with undefined if the signal aborts first. */
  const settled = (id: SessionId, signal: AbortSignal): Promise<SessionRow | undefined> =>
    waiters
      .until<SessionRow | 'gone'>(
        id,
        () => {
          const row = view.get('sessions', id);
          if (row === undefined || row.desired === 'deleted') return 'gone';
          return isSettled(row) || row.desired === 'failed' ? row : undefined;
        },
        signal,
      )
      .then((row) => (row === 'gone' ? undefined : row));

  const spaceOf = ({ keyId }: Holder): string => {
    const id = view.get('apiKeys', keyId)?.spaceId ?? null;
    return id === null ? 'default' : (view.get('spaces', id)?.name ?? id);
  };

  const grant = (found: Sandbox, { keyId }: Holder): Granted => ({ ...found, token: tokens.tokenFor(found.sandbox.id, keyId) });

  /** Waits until a new session is up, when its time begins; deletes it if it does not come up in time. */
  async function upOrGone(holder: Holder, id: SessionId, timeoutMs: number, patience: AbortSignal): Promise<Outcome<Granted>> {
    const row = await settled(id, patience);
    const begun = row?.desired === 'running' ? await applier.submit(changeSandbox(id, { timeoutMs }), holder.caller) : undefined;
    const found = begun?.ok === true ? find(holder.caller.now() ?? holder.caller, id, 'get') : undefined;
    if (found?.ok === true) return accepted(grant(found.value, holder));
    await sessions.remove(holder.caller, id);
    if (row?.desired === 'failed') return refused('UNAVAILABLE', `The sandbox did not start: ${row.reason ?? 'no reason recorded'}`);
    return refused('UNAVAILABLE', 'The sandbox did not start in time. Retry in a few seconds.', { retry_after_s: 5 });
  }

  const sandboxFor = (input: NewSandboxInput, { keyId }: Holder): NewSandbox => ({
    ...{ kind: 'sandbox', name: null, sourceId: null, template: input.template, holders: [keyId] },
    ...{ envs: tokens.seal(input.envs, random.bytes(NONCE)), timeoutMs: input.timeoutMs + UP_WITHIN_MS },
    ...{ onTimeout: input.onTimeout, autoResume: input.autoResume },
  });

  /** Returns the copy of a sandbox, or of a snapshot, that a remix makes. */
  const copyOf = (row: SandboxRow, { keyId }: Holder, timeoutMs: number): NewSandbox => ({
    ...{ kind: 'sandbox', name: null, sourceId: null, template: row.template, holders: [keyId], envs: row.envs, timeoutMs },
    ...{ onTimeout: row.onTimeout, autoResume: row.autoResume },
  });

  async function resumed({ session }: Sandbox, caller: Caller, patience: AbortSignal): Promise<Refused | undefined> {
    const asked = await sessions.resume(caller, session.id, patience);
    if (!asked.ok) return asked;
    const row = await settled(session.id, patience);
    if (row?.desired === 'running') return undefined;
    return refused('UNAVAILABLE', 'The sandbox did not resume in time. Retry in a few seconds.', { retry_after_s: 5 });
  }

  return {
    /** Resolves once commands can run in it. Deletes what does not start within 55 s. */
    async create(holder: Holder, input: NewSandboxInput, signal: AbortSignal): Promise<Outcome<Granted>> {
      const { caller } = holder;
      const space = spaceOf(holder);
      return inTime(signal, async (patience) => {
        const template = templateOf(view, caller, space, input.template);
        if (!template.ok) return template;
        const sandbox = sandboxFor(input, holder);
        const asked = { space, metadata: input.metadata };
        const created =
          template.value.kind === 'snapshot'
            ? await sessions.remix(caller, template.value.id, { metadata: input.metadata, space }, undefined, patience, sandbox)
            : await sessions.create(caller, { ...asked, ...fromTemplate(template.value) }, undefined, patience, sandbox);
        return created.ok ? upOrGone(holder, created.value.id as SessionId, input.timeoutMs, patience) : created;
      });
    },

    /** Resumes a sandbox that rests; of a running one, moves the end only into the future. */
    async connect(holder: Holder, id: string, timeoutMs: number, signal: AbortSignal): Promise<Outcome<Granted & { wasResumed: boolean }>> {
      const found = find(holder.caller, id, 'update');
      if (!found.ok) return found;
      const { sandbox, session } = found.value;
      const wasResumed = session.desired !== 'running';
      const change = { timeoutMs, onlyExtend: !wasResumed, holder: holder.keyId };
      const changed = await applier.submit(changeSandbox(sandbox.id, change), holder.caller);
      if (!changed.ok) return changed;
      const failed = wasResumed ? await inTime(signal, (patience) => resumed(found.value, holder.caller, patience)) : undefined;
      if (failed !== undefined) return failed;
      const now = refreshed(holder.caller);
      const after = now.ok ? find(now.value, id, 'get') : now;
      return after.ok ? accepted({ ...grant(after.value, holder), wasResumed }) : after;
    },

    /** Resumes a paused sandbox for a request for its processes, files or ports. */
    async wake(caller: Caller, found: Sandbox, signal: AbortSignal): Promise<Outcome<undefined>> {
      const failed = await inTime(signal, (patience) => resumed(found, caller, patience));
      return failed ?? accepted(undefined);
    },

    get(holder: Holder, id: string): Outcome<Granted> {
      const found = find(holder.caller, id, 'get');
      return found.ok ? accepted(grant(found.value, holder)) : found;
    },

    /** Newest first, unless asked otherwise: at most `limit`, which includes one more than a page. */
    async list({ caller, ...holder }: Holder, query: Omit<SandboxQuery, 'spaceId' | 'owner'>): Promise<Outcome<readonly Sandbox[]>> {
      const space = view.spaceByName(spaceOf({ caller, ...holder }));
      if (space === undefined || !caller.permissions.knows(space.id)) return accepted([]);
      const seesAll = caller.permissions.allows('sessions', 'list', space.id);
      const ids = await lists.sandboxes({ ...query, spaceId: space.id, ...(seesAll ? {} : { owner: caller.accountId }) });
      return accepted(ids.flatMap((id) => shown(find(caller, id, 'get', query.kind))));
    },

    /** 404 for what is no sandbox. */
    async kill(caller: Caller, id: string, kind: SandboxRow['kind'] = 'sandbox'): Promise<Outcome<undefined>> {
      const found = find(caller, id, 'delete', kind);
      return found.ok ? sessions.remove(caller, found.value.session.id) : found;
    },

    async setEnd(caller: Caller, id: string, timeoutMs: number): Promise<Outcome<SandboxRow>> {
      const found = find(caller, id, 'update');
      return found.ok ? applier.submit(changeSandbox(found.value.sandbox.id, { timeoutMs }), caller) : found;
    },

    /** Resolves once it rests. 409 if it rests already. */
    async pause(caller: Caller, id: string, keepsMemory: boolean, signal: AbortSignal): Promise<Outcome<undefined>> {
      const found = find(caller, id, 'update');
      if (!found.ok) return found;
      const { session } = found.value;
      if (session.desired !== 'running') return refused('CONFLICT', 'The sandbox is already paused.');
      const paused = await sessions.change(caller, session.id, keepsMemory ? 'pause' : 'suspend', { force: true });
      if (!paused.ok) return paused;
      const row = await inTime(signal, (patience) => settled(session.id, patience));
      if (row !== undefined) return accepted(undefined);
      return refused('UNAVAILABLE', 'The sandbox is being paused. Retry in a few seconds.', { retry_after_s: 5 });
    },

    /** Copies the disk of a sandbox so often. Processes are not copied. */
    async fork(
      holder: Holder,
      id: string,
      count: number,
      timeoutMs: number,
      signal: AbortSignal,
    ): Promise<Outcome<readonly Outcome<Granted>[]>> {
      const found = find(holder.caller, id, 'update');
      if (!found.ok) return found;
      const { sandbox, session } = found.value;
      const one = () =>
        inTime(signal, async (patience) => {
          const made = await sessions.remix(
            holder.caller,
            session.id,
            {},
            undefined,
            patience,
            copyOf(sandbox, holder, timeoutMs + UP_WITHIN_MS),
          );
          return made.ok ? upOrGone(holder, made.value.id as SessionId, timeoutMs, patience) : made;
        });
      return accepted(await Promise.all(Array.from({ length: count }, one)));
    },

    /** Copies the disk of a sandbox into a suspended session. */
    async snapshot(holder: Holder, id: string, name: string | null, signal: AbortSignal): Promise<Outcome<SandboxRow>> {
      const { caller } = holder;
      const found = find(caller, id, 'update');
      if (!found.ok) return found;
      const { sandbox, session } = found.value;
      const copy: NewSandbox = { ...copyOf(sandbox, holder, sandbox.timeoutMs), kind: 'snapshot', name, sourceId: sandbox.id };
      return inTime(signal, async (patience) => {
        const made = await sessions.remix(caller, session.id, {}, undefined, patience, copy);
        if (!made.ok) return made;
        const madeId = made.value.id as SessionId;
        const up = await settled(madeId, patience);
        const asleep = up?.desired === 'running' ? await sessions.change(caller, madeId, 'suspend', { force: true }) : undefined;
        if (asleep?.ok === true) await settled(madeId, patience);
        const row = asleep?.ok === true ? view.get('sandboxes', madeId) : undefined;
        if (row !== undefined) return accepted(row);
        await sessions.remove(caller, madeId);
        return refused('UNAVAILABLE', 'The snapshot was not complete in time. Retry in a few seconds.', { retry_after_s: 5 });
      });
    },

    exists: (caller: Caller, id: string): Outcome<Sandbox> => find(caller, id, 'get'),
  };
}

const shown = (found: Outcome<Sandbox>): Sandbox[] => (found.ok ? [found.value] : []);
