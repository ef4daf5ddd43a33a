/** The real store on a disk in memory, with its writer wrapped. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { BUILT_IN_ROLES } from '../../../controller/domain/access/built-in-roles.ts';
import type { AccountId, AgentId, BuildId, NodeId, SpaceId } from '../../../controller/domain/engine/ids.ts';
import { type Mutation, put } from '../../../controller/domain/engine/mutation.ts';
import type { NewEvent } from '../../../controller/domain/events/events.ts';
import { UNMANAGED } from '../../../controller/domain/nodes/rows.ts';
import type { Lists } from '../../../controller/services/engine/lists.ts';
import type { Writer } from '../../../controller/services/engine/store.ts';
import { openBareStore } from '../../../controller/store/sqlite/bare-store.ts';
import type { SqlRow } from '../../../controller/store/sqlite/columns.ts';
import { sqlLists } from '../../../controller/store/sqlite/lists/sql-lists.ts';
import { rowsWithin } from '../../../controller/store/sqlite/reader/bounded-rows.ts';
import { MODEL } from './router.ts';
import { SOURCE_DIGEST } from './source.ts';

export const IMAGE = 'raworc/session:sim';
export const ACCOUNT = '00000000-0000-4000-8000-000000000001' as AccountId;
export const SPACE = '00000000-0000-4000-8000-000000000002' as SpaceId;
/** A space whose quotas change. */
export const NARROW = 'narrow';
export const SPACES = [
  { id: SPACE, name: 'default' },
  { id: '00000000-0000-4000-8000-000000000003' as SpaceId, name: NARROW },
] as const;
export const EPOCH = 1;

/** The agents of each space, and whether their runs can be repeated. */
export const AGENTS = [
  { name: 'once', runtime: 'python', handler: 'main.process_message', idempotent: false },
  { name: 'again', runtime: 'node', handler: 'index.processMessage', idempotent: true, concurrency: 3 },
  /** Only asked by others. */
  { name: 'aside', runtime: 'python', handler: 'main.process_message', idempotent: false },
  { name: 'apart', runtime: 'node', handler: 'index.processMessage', idempotent: true, concurrency: 2 },
  /** Stopped and started now and then. */
  { name: 'moody', runtime: 'python', handler: 'main.process_message', idempotent: false },
] as const;

const inMemory = (name: string) => mkdtempSync(join('/dev/shm', name));
let template: Promise<string> | undefined;

export interface NewNode {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface StoreDirectory {
  readonly path: string;
  remove(): void;
}

/**
 * Creates a database with an account, a space with agents in an image, and these nodes. Migrated
 * once per process, then copied.
 */
export async function newStore(nodes: readonly NewNode[]): Promise<StoreDirectory> {
  template ??= makeTemplate();
  const directory = inMemory('raworc-sim-');
  const path = join(directory, 'raworc.db');
  copyFileSync(await template, path);
  const store = await openBareStore(path, EPOCH);
  store.writer.transaction(() => {
    for (const { id, name, labels } of nodes) {
      const capacity = { cpuMillis: 0, memoryBytes: 0, maxSessions: 0, bounds: null };
      store.writer.apply(
        put('nodes', {
          id: id as NodeId,
          name,
          incarnation: 1,
          joinedAt: 1,
          driver: '',
          version: '',
          ...capacity,
          lastSeenAt: null,
          unreachableSince: null,
          lostAt: null,
          ...{ ...UNMANAGED, labels },
          keyHash: null,
          revokedAt: null,
        }),
      );
    }
  });
  store.close();
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

async function makeTemplate(): Promise<string> {
  const directory = inMemory('raworc-sim-template-');
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'raworc.db');
  const { writer, close } = await openBareStore(path, EPOCH);
  const times = { createdAt: 1, updatedAt: 1 };
  const rows: Mutation[] = [
    put('accounts', {
      ...{ id: ACCOUNT, user: 'admin', passwordHash: 'x', description: null, active: true, version: 1, lastLoginAt: null },
      ...times,
    }),
    ...BUILT_IN_ROLES.map((role) => put('roles', { ...role, builtIn: true, createdAt: 1 })),
    put('bindings', {
      ...{ id: 'b', roleId: BUILT_IN_ROLES[0]?.id ?? '', principal: 'admin', principalType: 'ServiceAccount', accountId: ACCOUNT },
      ...{ spaceId: null, ...times },
    }),
    ...SPACES.flatMap(rowsOfSpace),
  ];
  writer.transaction(() => {
    for (const row of rows) writer.apply(row);
  });
  close();
  return path;
}

function rowsOfSpace({ id: spaceId, name }: (typeof SPACES)[number]): Mutation[] {
  const times = { createdAt: 1, updatedAt: 1 };
  const by = { createdBy: 'admin', createdById: ACCOUNT };
  const agents = AGENTS.map((agent) => ({ ...agent, id: `${name}-${agent.name}` as AgentId, digest: SOURCE_DIGEST }));
  return [
    put('spaces', {
      id: spaceId,
      name,
      description: null,
      settings: name === NARROW ? {} : { model: MODEL },
      secretsVersion: 0,
      active: true,
      createdBy: 'raworc',
      ...times,
    }),
    ...agents.map(({ id, name, digest: _digest, ...program }) =>
      put('agents', {
        ...{
          id,
          spaceId,
          name,
          description: null,
          purpose: null,
          sourceRepo: null,
          sourceBranch: 'main',
          sourceDirectory: null,
          sourceSecret: null,
          manifest: null,
          sourceCommit: null,
          wanted: 'active',
        },
        ...{ sourceDigest: SOURCE_DIGEST, program, sourceAt: 1, sourceBytes: 1, sourceFiles: 1 },
        ...{ ...times, ...by },
      }),
    ),
    put('builds', {
      ...{ id: `build-${name}` as BuildId, spaceId, status: 'completed', image: IMAGE, imageId: 'i', baseImage: IMAGE, agents },
      ...{ unfetched: [], stages: [], nodeId: null, error: null, createdAt: 1, completedAt: 1, createdBy: 'admin' },
    }),
  ];
}

export interface Watch {
  /** Called within the transaction, before the commit. An error rolls back. */
  before(): void;
  /** Called at each write. The store throws its errors. */
  apply(): void;
  /** Called when a command is decided, with the changes of its batch so far; its own are those from `own` on. */
  decided(pending: readonly Mutation[], own: number, tells: boolean): void;
  /** Called after the commit, before anyone is notified. An error leaves it so. */
  after(mutations: readonly Mutation[], events: readonly NewEvent[]): void;
  /** Called when the sync of the commit begins. */
  syncing(): void;
  /** Called when the commit is durable and can be read, before anyone is notified. */
  shown(mutations: readonly Mutation[]): void;
}

export function watchedWriter(writer: Writer, watch: Watch): Writer {
  let pending: Mutation[] = [];
  let events: NewEvent[] = [];
  return {
    view: writer.view,
    transaction(work) {
      pending = [];
      events = [];
      const result = writer.transaction(() => {
        const done = work();
        watch.before();
        return done;
      });
      watch.after(pending, events);
      return result;
    },
    sync() {
      const mutations = pending;
      watch.syncing();
      return writer.sync()?.then(() => watch.shown(mutations));
    },
    syncNow() {
      writer.syncNow();
      watch.shown(pending);
    },
    savepoint(work) {
      const length = pending.length;
      const told = events.length;
      try {
        const done = writer.savepoint(work);
        watch.decided(pending, length, events.length > told);
        return done;
      } catch (fault) {
        pending.length = length;
        events.length = told;
        throw fault;
      }
    },
    apply(mutation) {
      watch.apply();
      writer.apply(mutation);
      pending.push(mutation);
    },
    record(event, number, at) {
      events.push(event);
      return writer.record(event, number, at);
    },
    lastEventNumber: () => writer.lastEventNumber(),
    lastTime: () => writer.lastTime(),
    keepLastTime: (at) => writer.keepLastTime(at),
    keptTime: () => writer.keptTime(),
    keepTime: (kept) => writer.keepTime(kept),
  };
}

/** Runs scans on this thread, since the order of another thread's answers cannot be repeated. */
export function listsOn(path: string): { lists: Lists; close(): void } {
  const database = new Database(path, { readonly: true });
  const statements = new Map<string, Database.Statement<unknown[], SqlRow>>();
  const prepared = (text: string) => {
    const known = statements.get(text) ?? database.prepare<unknown[], SqlRow>(text);
    statements.set(text, known);
    return known;
  };
  const read: Parameters<typeof sqlLists>[0]['read'] = async (queries) =>
    queries.map(({ sql, parameters, maxBytes = Number.POSITIVE_INFINITY }) => rowsWithin(prepared(sql).iterate(...parameters), maxBytes));
  return { lists: sqlLists({ read }), close: () => database.close() };
}
