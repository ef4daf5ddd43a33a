import type { TableName, Tables } from '../../domain/engine/mutation.ts';

/** How a field is kept in SQLite: as it is, as JSON text, or as 0 and 1. */
type Kind = 'plain' | 'json' | 'flag';
type Columns<Row> = { readonly [Field in keyof Row]-?: Kind };

/** Every field of every row; the compiler sees to it that none is forgotten. Columns are the fields' names in snake case. */
const COLUMNS: { readonly [Name in TableName]: Columns<Tables[Name]> } = {
  accounts: {
    id: 'plain',
    user: 'plain',
    passwordHash: 'plain',
    description: 'plain',
    active: 'flag',
    version: 'plain',
    createdAt: 'plain',
    updatedAt: 'plain',
    lastLoginAt: 'plain',
  },
  roles: { id: 'plain', name: 'plain', description: 'plain', rules: 'json', builtIn: 'flag', createdAt: 'plain' },
  bindings: {
    id: 'plain',
    roleId: 'plain',
    principal: 'plain',
    principalType: 'plain',
    accountId: 'plain',
    spaceId: 'plain',
    createdAt: 'plain',
    updatedAt: 'plain',
  },
  apiKeys: {
    id: 'plain',
    accountId: 'plain',
    parentId: 'plain',
    name: 'plain',
    keyHash: 'plain',
    rules: 'json',
    expiresAt: 'plain',
    lastUsedAt: 'plain',
    createdAt: 'plain',
  },
  revokedTokens: { id: 'plain', expiresAt: 'plain' },
  spaces: {
    id: 'plain',
    name: 'plain',
    description: 'plain',
    settings: 'json',
    secretsVersion: 'plain',
    active: 'flag',
    createdAt: 'plain',
    updatedAt: 'plain',
    createdBy: 'plain',
  },
  secrets: {
    id: 'plain',
    spaceId: 'plain',
    keyName: 'plain',
    description: 'plain',
    sealed: 'plain',
    keyId: 'plain',
    createdAt: 'plain',
    updatedAt: 'plain',
    createdBy: 'plain',
  },
  agents: {
    id: 'plain',
    spaceId: 'plain',
    name: 'plain',
    description: 'plain',
    purpose: 'plain',
    sourceRepo: 'plain',
    sourceBranch: 'plain',
    wanted: 'plain',
    sourceDigest: 'plain',
    program: 'json',
    sourceAt: 'plain',
    sourceBytes: 'plain',
    sourceFiles: 'plain',
    createdAt: 'plain',
    updatedAt: 'plain',
    createdBy: 'plain',
    createdById: 'plain',
  },
  builds: {
    id: 'plain',
    spaceId: 'plain',
    status: 'plain',
    image: 'plain',
    imageId: 'plain',
    baseImage: 'plain',
    agents: 'json',
    unfetched: 'json',
    nodeId: 'plain',
    error: 'plain',
    createdAt: 'plain',
    completedAt: 'plain',
    createdBy: 'plain',
  },
  sessions: {
    id: 'plain',
    name: 'plain',
    spaceId: 'plain',
    desired: 'plain',
    generation: 'plain',
    nodeId: 'plain',
    placedGeneration: 'plain',
    restoredFrom: 'plain',
    image: 'plain',
    buildId: 'plain',
    agents: 'json',
    requests: 'json',
    limits: 'json',
    phase: 'plain',
    observedGeneration: 'plain',
    observedOrder: 'json',
    containerId: 'plain',
    volume: 'plain',
    graceMs: 'plain',
    hasRun: 'flag',
    life: 'json',
    reason: 'plain',
    lastSeq: 'plain',
    epochSeq: 'plain',
    outstanding: 'plain',
    parentId: 'plain',
    copyFrom: 'plain',
    timeouts: 'json',
    metadata: 'json',
    createdBy: 'plain',
    createdById: 'plain',
    createdAt: 'plain',
    updatedAt: 'plain',
    startedAt: 'plain',
    lastActivityAt: 'plain',
    terminatedAt: 'plain',
    terminationReason: 'plain',
  },
  messages: {
    id: 'plain',
    sessionId: 'plain',
    seq: 'plain',
    role: 'plain',
    inReplyTo: 'plain',
    createdBy: 'plain',
    createdAt: 'plain',
    metadata: 'json',
    content: 'plain',
  },
  queue: {
    id: 'plain',
    sessionId: 'plain',
    seq: 'plain',
    agent: 'plain',
    refusal: 'json',
    bytes: 'plain',
    acceptedAt: 'plain',
    createdAt: 'plain',
  },
  backlog: { id: 'plain', answer: 'plain', createdAt: 'plain' },
  runs: { id: 'plain', sessionId: 'plain', messageId: 'plain', agent: 'plain', startedAt: 'plain', finishedAt: 'plain' },
  tombstones: { id: 'plain', nodeId: 'plain', upToGeneration: 'plain', createdAt: 'plain' },
  nodes: {
    id: 'plain',
    name: 'plain',
    incarnation: 'plain',
    joinedAt: 'plain',
    keyHash: 'plain',
    revokedAt: 'plain',
    driver: 'plain',
    version: 'plain',
    cpuMillis: 'plain',
    memoryBytes: 'plain',
    maxSessions: 'plain',
    bounds: 'json',
    lastSeenAt: 'plain',
    unreachableSince: 'plain',
    lostAt: 'plain',
  },
  nodeTokens: {
    id: 'plain',
    secretHash: 'plain',
    expiresAt: 'plain',
    usedAt: 'plain',
    usedBy: 'plain',
    usedKey: 'plain',
    createdBy: 'plain',
    createdAt: 'plain',
  },
  idempotency: { id: 'plain', bodyHash: 'plain', madeId: 'plain', createdAt: 'plain' },
};

export interface Column {
  readonly field: string;
  readonly name: string;
  readonly kind: Kind;
}

export const snake = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const TABLE_NAMES = Object.keys(COLUMNS) as readonly TableName[];

export function columnsOf(table: TableName): readonly Column[] {
  return Object.entries(COLUMNS[table]).map(([field, kind]) => ({ field, name: snake(field), kind }));
}

export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

export function toSql(columns: readonly Column[], row: object): SqlValue[] {
  const fields = row as Readonly<Record<string, unknown>>;
  return columns.map(({ field, kind }) => {
    const value = fields[field];
    if (value === null || value === undefined) return null;
    if (kind === 'json') return JSON.stringify(value);
    if (kind === 'flag') return value === true ? 1 : 0;
    if (typeof value === 'string' || typeof value === 'number') return value;
    throw new TypeError(`${field} cannot be kept as it is: ${typeof value}`);
  });
}

/** What of a table (all of it, or these fields) a statement selects for {@link selected}: columns by the names of their fields. */
export function selection(table: TableName, fields?: readonly string[]): string {
  const columns = columnsOf(table).filter(({ field }) => fields?.includes(field) ?? true);
  return columns.map(({ field, name }) => (field === name ? name : `${name} as "${field}"`)).join(', ');
}

type Patch = readonly (readonly [field: string, kind: Kind])[];
const PATCHES = new Map<TableName, Patch>();

/** The row of a {@link selection}; made in place. It was written by {@link toSql}: it has the shape that the table says. */
export function selected<Name extends TableName>(table: Name, row: SqlRow): Tables[Name] {
  let patch = PATCHES.get(table);
  if (patch === undefined) {
    patch = Object.entries(COLUMNS[table]).filter(([, kind]) => kind !== 'plain');
    PATCHES.set(table, patch);
  }
  const result = row as Record<string, unknown>;
  for (const [field, kind] of patch) {
    const value = result[field];
    if (value === null || value === undefined) continue;
    result[field] = kind === 'json' ? JSON.parse(String(value)) : value === 1;
  }
  return result as unknown as Tables[Name];
}
