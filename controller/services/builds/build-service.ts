import type { Random } from '../../../seams/random.ts';
import type { BuildLogLine, BuildLogObject, BuildObject, buildListQuery, CreateBuild } from '../../contract/builds.ts';
import type { Infer } from '../../contract/fields.ts';
import type { PageRequest } from '../../contract/pages.ts';
import { buildObject } from '../../domain/builds/build-object.ts';
import { cancelBuild } from '../../domain/builds/commands/cancel-build.ts';
import { createBuild, type NewBuild } from '../../domain/builds/commands/create-build.ts';
import { NO_BUILD } from '../../domain/builds/refusals.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { spaceFor } from '../access/access.ts';
import type { Caller, Idempotency, Page } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';
import type { Lists } from '../engine/lists.ts';
import type { Watching } from '../events/watching.ts';
import type { BuildLogs } from './build-logs.ts';
import { type BuildLogWatcher, follow } from './follow-log.ts';
import { shownLog } from './shown-log.ts';

type ListedBuilds = Infer<typeof buildListQuery>;

export type Builds = ReturnType<typeof buildService>;

export interface BuildDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
  readonly lists: Pick<Lists, 'rows'>;
  /** Returns why a build has not begun. */
  waitingReason(build: BuildRow): string | null;
  /** Undefined: what nodes print is not kept. */
  readonly logs: BuildLogs | undefined;
}

export const newBuild = ({ random, baseImage }: Pick<BuildDeps, 'random' | 'baseImage'>, caller: Caller, space: SpaceRow): NewBuild => ({
  id: random.uuid() as BuildId,
  spaceId: space.id,
  baseImage,
  user: caller.user,
});

export function buildService(deps: BuildDeps) {
  const { applier, view, lists, storeKey } = deps;
  const logOf = (caller: Caller, row: BuildRow) => ({
    view,
    logs: deps.logs,
    row,
    seesNodes: caller.permissions.allows('nodes', 'list', null),
  });

  const shown = (row: BuildRow): BuildObject => buildObject(view, row, deps.waitingReason(row));

  function found(caller: Caller, spaceName: string, id: string): Outcome<BuildRow> {
    const space = spaceFor(view, caller, spaceName, 'builds', 'get');
    if (!space.ok) return space;
    const build = view.get('builds', id);
    return build === undefined || build.spaceId !== space.value.id ? NO_BUILD : accepted(build);
  }

  return {
    /**
     * Without `force`, returns an existing build of the same content, finished or in progress, if
     * there is one.
     */
    async create(caller: Caller, spaceName: string, { force = false, force_rebuild = force }: CreateBuild, idempotency?: Idempotency) {
      const space = spaceFor(view, caller, spaceName, 'builds', 'create');
      if (!space.ok) return space;
      const request = knownRequest(storeKey, caller, idempotency);
      return applier.submit(createBuild(newBuild(deps, caller, space.value), force || force_rebuild, request), caller);
    },
    latest(caller: Caller, spaceName: string): Outcome<BuildObject> {
      const space = spaceFor(view, caller, spaceName, 'builds', 'get');
      if (!space.ok) return space;
      const build = view.newestBuild(space.value.id);
      return build === undefined ? NO_BUILD : accepted(shown(build));
    },
    get: (caller: Caller, spaceName: string, id: string) => mapped(found(caller, spaceName, id), shown),
    async logs(caller: Caller, spaceName: string, id: string, limit: number): Promise<Outcome<BuildLogObject>> {
      const build = found(caller, spaceName, id);
      if (!build.ok) return build;
      let newest: BuildLogLine[] = [];
      const { signal } = new AbortController();
      for await (const lines of shownLog({ ...logOf(caller, build.value), follow: false }, signal))
        newest = [...newest, ...lines].slice(-limit);
      const { space, status } = buildObject(view, view.get('builds', id) ?? build.value);
      return accepted({ build_id: build.value.id, space, status, logs: newest });
    },
    /** Calls the watcher with every line after the first `skip`, until the build has ended or the watcher is closed. */
    followLog(caller: Caller, build: BuildRow, skip: number, watcher: BuildLogWatcher): Watching {
      return follow(shownLog.bind(undefined, { ...logOf(caller, build), follow: true }), skip, watcher, () =>
        buildObject(view, view.get('builds', build.id) ?? build),
      );
    },
    /** Returns the row whose log the caller can follow. */
    followed: found,
    async list(
      caller: Caller,
      spaceName: string,
      { status, created_by }: ListedBuilds,
      page: PageRequest,
    ): Promise<Outcome<Page<BuildObject>>> {
      const space = spaceFor(view, caller, spaceName, 'builds', 'list');
      if (!space.ok) return space;
      const equal = {
        spaceId: space.value.id,
        ...(status === undefined ? {} : { status }),
        ...(created_by === undefined ? {} : { createdBy: created_by }),
      };
      const { items, ...rest } = await lists.rows('builds', equal, page);
      return accepted({ ...rest, items: items.map(shown) });
    },
    cancel(caller: Caller, spaceName: string, id: string): Promise<Outcome<BuildObject>> | Outcome<never> {
      const space = spaceFor(view, caller, spaceName, 'builds', 'delete');
      return space.ok ? applier.submit(cancelBuild(id as BuildId, space.value.id), caller) : space;
    },
  };
}
