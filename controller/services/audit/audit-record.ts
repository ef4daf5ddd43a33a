import type { RefusalCode } from '../../contract/errors.ts';
import { type Attribution, type AuditRecord, recordOf } from '../../domain/audit/audit.ts';
import type { Decision } from '../../domain/engine/command.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import type { Mutation, TableName } from '../../domain/engine/mutation.ts';
import type { View } from '../../domain/engine/view.ts';

/**
 * The caller that a command is decided for. Without an attribution, it acts inside this process, as
 * in the simulation.
 */
export interface Attributed {
  readonly accountId?: string;
  readonly user?: string;
  readonly attribution?: Attribution | undefined;
  /**
   * Whether the permissions checked for this request still hold. Undefined if none were checked.
   */
  readonly isCurrent?: () => boolean;
}

/** The table of each kind of resource. */
const TABLES: Readonly<Record<string, TableName>> = {
  'service-accounts': 'accounts',
  roles: 'roles',
  'role-bindings': 'bindings',
  'api-keys': 'apiKeys',
  spaces: 'spaces',
  secrets: 'secrets',
  agents: 'agents',
  builds: 'builds',
  sessions: 'sessions',
  nodes: 'nodes',
  'node-tokens': 'nodeTokens',
  tokens: 'revokedTokens',
};

const MAX_SPACE_NAMES = 10_000;

interface Found {
  readonly id: string;
  readonly name: string | null;
  readonly spaceId: string | null;
}

/**
 * Creates the audit records of changes. Call it before the mutations are applied, while removed
 * rows still have names.
 */
export class AuditRecords {
  readonly #view: View;
  /** A space never changes its name. */
  readonly #spaceNames = new Map<string, string>();

  constructor(view: View) {
    this.#view = view;
  }

  /** Returns undefined for a decision that changes nothing. */
  ofChange(command: string, decision: Decision<unknown>, by: Attributed, at: number): AuditRecord | undefined {
    if (decision.mutations.length === 0 && decision.events.length === 0) return undefined;
    const attribution = by.attribution ?? inProcess(command, by);
    const { thing } = attribution;
    const found = this.#find(TABLES[thing.kind], decision.mutations);
    const spaceId = found?.spaceId ?? decision.events[0]?.spaceId ?? this.#spaceIdOf(thing.space);
    const about = {
      resourceId: found?.id ?? thing.ref,
      resourceName: found?.name ?? null,
      spaceId,
      // A space that is being created has no row yet.
      space: thing.kind === 'spaces' ? (found?.name ?? thing.space) : (this.#spaceName(spaceId) ?? thing.space),
    };
    return { ...recordOf(attribution, outcomeOf(decision.result), at), ...about };
  }

  #find(table: TableName | undefined, mutations: readonly Mutation[]): Found | undefined {
    if (table === undefined) return undefined;
    for (const mutation of mutations) {
      if (mutation.kind === 'put' && mutation.table === table) return namedRow(table, mutation.row);
      if (mutation.kind === 'remove' && mutation.table === table) {
        const row = this.#view.get(table, mutation.id);
        return row === undefined ? { id: mutation.id, name: null, spaceId: null } : namedRow(table, row);
      }
    }
    return undefined;
  }

  #spaceName(id: string | null): string | null {
    if (id === null) return null;
    const known = this.#spaceNames.get(id);
    if (known !== undefined) return known;
    const name = this.#view.get('spaces', id)?.name;
    if (name === undefined) return null;
    if (this.#spaceNames.size >= MAX_SPACE_NAMES) this.#spaceNames.clear();
    this.#spaceNames.set(id, name);
    return name;
  }

  #spaceIdOf(name: string | null): SpaceId | null {
    return name === null ? null : (this.#view.spaceByName(name)?.id ?? null);
  }
}

const inProcess = (
  action: string,
  { accountId = null, user = null }: { accountId?: string | null; user?: string | null },
): Attribution => ({
  actor: { type: 'ServiceAccount', id: accountId, name: user },
  credential: null,
  address: null,
  requestId: null,
  action,
  thing: { kind: '', ref: null, space: null },
});

/** Returns the name and space of a row. Session names can change and are left out. */
function namedRow(table: TableName, row: object): Found {
  const of = (field: string): string | null => {
    const value = (row as Readonly<Record<string, unknown>>)[field];
    return typeof value === 'string' ? value : null;
  };
  const name = table === 'sessions' ? null : (of('name') ?? of('user') ?? of('keyName') ?? of('principal'));
  return { id: of('id') ?? '', name, spaceId: table === 'spaces' ? of('id') : of('spaceId') };
}

function outcomeOf(answer: unknown): 'ok' | RefusalCode {
  if (typeof answer !== 'object' || answer === null || !('ok' in answer) || answer.ok !== false || !('refusal' in answer)) return 'ok';
  const { refusal } = answer as { refusal: { code: RefusalCode } };
  return refusal.code;
}
