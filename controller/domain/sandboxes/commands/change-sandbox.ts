import { type Command, unchanged } from '../../engine/command.ts';
import type { SessionId } from '../../engine/ids.ts';
import { put } from '../../engine/mutation.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { NO_SESSION } from '../../sessions/refusals.ts';
import type { SandboxRow } from '../rows.ts';
import { leftMs } from '../sandbox-end.ts';

/** The tokens of the oldest keys beyond this number end. */
const MAX_HOLDERS = 32;

export interface SandboxChange {
  /** Time from now on. Undefined leaves the end as it is. */
  readonly timeoutMs?: number | undefined;
  /** Moves the end of a running sandbox only into the future. */
  readonly onlyExtend?: boolean;
  /** An API key that gets an access token. */
  readonly holder?: string | undefined;
}

/** Sets when a sandbox ends, and who has access to it. Changes nothing if nothing differs. */
export function changeSandbox(id: SessionId, { timeoutMs, onlyExtend = false, holder }: SandboxChange): Command<Outcome<SandboxRow>> {
  return {
    name: 'change-sandbox',
    decide({ view, now, ages }) {
      const row = view.get('sandboxes', id);
      const session = view.get('sessions', id);
      if (row === undefined || session === undefined || session.desired === 'deleted') return unchanged(NO_SESSION);
      const isLater = timeoutMs !== undefined && !(onlyExtend && (leftMs(row, session, ages) ?? 0) >= timeoutMs);
      const isNew = holder !== undefined && !row.holders.includes(holder);
      if (!isLater && !isNew) return unchanged(accepted(row));
      const after: SandboxRow = {
        ...row,
        ...(isLater ? { timeoutMs, timeoutAt: now } : {}),
        ...(isNew ? { holders: [holder, ...row.holders].slice(0, MAX_HOLDERS) } : {}),
      };
      return { mutations: [put('sandboxes', after)], events: [], result: accepted(after) };
    },
  };
}
