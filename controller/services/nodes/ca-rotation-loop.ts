import { byOperator } from '../../domain/audit/audit.ts';
import { recordAudit } from '../../domain/audit/record-audit.ts';
import { onOtherCa } from '../../domain/nodes/certificate-authority.ts';
import type { Background } from '../engine/background.ts';
import type { Loop } from '../engine/loop.ts';

/** The cluster's CAs. */
export interface Authorities {
  readonly trusted: readonly { readonly hash: string }[];
  /** Hash of the CA that issues node certificates. */
  readonly newest: string;
  /** Reads the CAs on disk again. Returns whether they changed. */
  reload(): Promise<boolean>;
  isFinishRequested(): Promise<boolean>;
  /** Removes all CAs but the newest. */
  finish(): Promise<void>;
  /** Calls `listener` when files of the CAs change; can miss a change. */
  watch(listener: () => void): { close(): void };
}

/** File watches can miss changes. */
const EVERY_MS = 60_000;
/** Waiting nodes that the log names. */
const MAX_LOGGED = 20;
/** The audit record of the end of a rotation. */
export const CA_ROTATION = byOperator('rotateCa', { kind: 'controller', ref: null, space: null });

export interface CaRotationDeps extends Pick<Background, 'loops' | 'applier' | 'view' | 'log' | 'metrics'> {
  readonly authorities: Authorities;
}

/**
 * Replaces the cluster's CA while the controller runs:
 * 1. The operator's rotate command adds the files of a newer CA. From now on both are trusted, and
 *    node certificates are issued under the newer one.
 * 2. Nodes learn of it with their next heartbeat, renew, and get both CAs.
 * 3. When every node has connected with a certificate of the newer one, or the operator says so,
 *    the older one is removed, and its certificates are refused.
 * Safe to kill at any point: the files say how far it is.
 */
export function caRotationLoop({ loops, applier, view, authorities, log, metrics }: CaRotationDeps): Loop<'ca'> {
  let watching: { close(): void } | undefined;
  let logged = '';
  const waiting = () => (authorities.trusted.length < 2 ? [] : onOtherCa(view.nodes(), authorities.newest));
  metrics.gauge({
    name: 'nodes_on_old_ca',
    help: 'Nodes that a rotation of the CA waits for',
    read: () => waiting().length,
  });

  const loop: Loop<'ca'> = loops.open({
    name: 'ca-rotation',
    first: { key: 'ca' },
    failed: (error) => log.error('authority.rotation_failed', { error }),
    async run(_key, closing) {
      if (watching === undefined) {
        watching = authorities.watch(() => loop.wake('ca'));
        closing.addEventListener('abort', () => watching?.close());
      }
      if (await authorities.reload()) log.info('authority.changed', { newest: authorities.newest, trusted: authorities.trusted.length });
      if (authorities.trusted.length < 2) return EVERY_MS;
      const nodes = waiting();
      if (nodes.length > 0 && !(await authorities.isFinishRequested())) {
        const names = nodes.map(({ name }) => name);
        if (names.join() !== logged) log.info('authority.waiting', { nodes: names.slice(0, MAX_LOGGED).join(', '), count: names.length });
        logged = names.join();
        return EVERY_MS;
      }
      // Recorded before the end: after a crash here, the next process records it again.
      await applier.apply(recordAudit(CA_ROTATION, 'ok', 1));
      await authorities.finish();
      log.info('authority.rotated', { newest: authorities.newest, left_behind: nodes.length });
      return EVERY_MS;
    },
  });
  applier.onCommitted(({ mutations }) => {
    if (authorities.trusted.length > 1 && mutations.some((one) => 'table' in one && one.table === 'nodes')) loop.wake('ca');
  });
  return loop;
}
