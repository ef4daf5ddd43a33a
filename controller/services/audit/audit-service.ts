import { createHmac } from 'node:crypto';
import type { Clock } from '../../../seams/clock.ts';
import type { Metrics } from '../../../seams/metrics.ts';
import type { AuditFilter, AuditObject } from '../../contract/audit.ts';
import type { RefusalCode } from '../../contract/errors.ts';
import type { PageRequest } from '../../contract/pages.ts';
import type { Attribution, StoredAudit } from '../../domain/audit/audit.ts';
import { recordAudit } from '../../domain/audit/record-audit.ts';
import { accepted, type Outcome } from '../../domain/engine/outcome.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import { checkGlobal, spaceFor } from '../access/access.ts';
import type { Caller } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import type { AuditQuery, Lists } from '../engine/lists.ts';
import { type EventIds, eventIds } from '../events/event-ids.ts';
import { AuditRefusals } from './audit-refusals.ts';

export type Audit = ReturnType<typeof auditService>;

export interface AuditDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly lists: Lists;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly ids: EventIds;
}

export function auditService({ applier, view, lists, clock, metrics, ids }: AuditDeps) {
  const refusals = new AuditRefusals({
    clock,
    metrics,
    write(attribution, code, count) {
      // The applier has logged the error.
      applier.applyLazily(recordAudit(attribution, code, count)).catch(() => undefined);
    },
  });
  return {
    async list(caller: Caller, filter: AuditFilter, page: PageRequest) {
      const query = auditQuery(view, caller, filter);
      if (!query.ok) return query;
      const { items, total } = await lists.audit(query.value, page);
      return accepted({ items: items.map((record) => auditObject(ids, record)), total });
    },
    /** Resolves once the record of a read, such as that of a secret's value, is durable. */
    note: (attribution: Attribution) => applier.apply(recordAudit(attribution, 'ok', 1)),
    /** Records a refused request in the background, within the bounds of {@link AuditRefusals}. */
    refused: (attribution: Attribution, code: RefusalCode) => refusals.add(withKnownName(view, attribution), code),
    /** Writes the pending counts. */
    close: () => refusals.flush(),
  };
}

/** A name that matches no account is dropped: people type passwords into the wrong field. */
function withKnownName(view: View, attribution: Attribution): Attribution {
  const { actor, thing } = attribution;
  if (actor.type !== 'Anonymous' || thing.kind !== 'service-accounts' || thing.ref === null) return attribution;
  return view.accountByUser(thing.ref) === undefined ? { ...attribution, thing: { ...thing, ref: null } } : attribution;
}

/** Keyed apart from event ids, so that one cannot be used as the other. */
export const auditIds = (storeKey: Uint8Array): EventIds => eventIds(createHmac('sha256', storeKey).update('audit').digest());

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Restricts a query to what the caller can read: everything with audit:list everywhere, or one
 * space in which it has audit:list.
 */
function auditQuery(view: View, caller: Caller, { actor, action, resource, space, since, until }: AuditFilter): Outcome<AuditQuery> {
  const isGlobal = checkGlobal(caller, 'audit', 'list');
  // With access to everything, the caller can also ask about deleted spaces.
  const scope = isGlobal.ok ? accepted({ id: undefined }) : space === undefined ? isGlobal : spaceFor(view, caller, space, 'audit', 'list');
  if (!scope.ok) return scope;
  const { id: spaceId } = scope.value;
  const [kind = '', ref] = splitOnce(resource ?? '');
  return accepted({
    ...(actor === undefined ? {} : UUID.test(actor) ? actorById(view, actor.toLowerCase()) : { actor }),
    ...(action === undefined ? {} : { action }),
    ...(kind === '' ? {} : { kind }),
    ...(ref === undefined ? {} : { ref: UUID.test(ref) ? { id: ref.toLowerCase() } : { name: ref } }),
    ...(space === undefined ? {} : { space }),
    ...(spaceId === undefined ? {} : { spaceId }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  });
}

/** Records are indexed by the actor's name, as long as it is known. */
function actorById(view: View, id: string): AuditQuery {
  const name = view.get('accounts', id)?.user ?? view.get('nodes', id)?.name;
  return name === undefined ? { actorId: id } : { actorId: id, actor: name };
}

function splitOnce(text: string): readonly [string, string?] {
  const at = text.indexOf('/');
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/**
 * Ids are encrypted, like those of events: a plain number would reveal how much happens in other
 * spaces.
 */
export function auditObject(ids: Pick<EventIds, 'spell'>, record: StoredAudit): AuditObject {
  const { outcome } = record;
  return {
    id: ids.spell({ epoch: 0, number: record.number }),
    created_at: rfc3339(record.at),
    actor: record.actor,
    actor_id: record.actorId,
    actor_type: record.actorType,
    credential: record.credential,
    action: record.action,
    resource: record.resource,
    resource_id: record.resourceId,
    resource_name: record.resourceName,
    space: record.space,
    address: record.address,
    request_id: record.requestId,
    outcome: outcome === 'ok' ? 'ok' : 'refused',
    code: outcome === 'ok' ? null : outcome,
    count: record.count,
  };
}
