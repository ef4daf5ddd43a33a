import type { Random } from '../../../seams/random.ts';
import type { BuildLogObject, BuildObject, CreateBuild } from '../../contract/builds.ts';
import { buildObject } from '../../domain/builds/build-object.ts';
import { createBuild, type NewBuild } from '../../domain/builds/commands/create-build.ts';
import { NO_BUILD } from '../../domain/builds/refusals.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildId } from '../../domain/engine/ids.ts';
import { accepted, mapped, type Outcome } from '../../domain/engine/outcome.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { spaceFor } from '../access/access.ts';
import type { Caller, Idempotency } from '../access/caller.ts';
import type { Applier } from '../engine/applier.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';

export type Builds = ReturnType<typeof buildService>;

export interface BuildDeps {
  readonly applier: Applier;
  readonly view: View;
  readonly random: Random;
  readonly storeKey: Uint8Array;
  readonly baseImage: string;
}

export const newBuild = ({ random, baseImage }: Pick<BuildDeps, 'random' | 'baseImage'>, caller: Caller, space: SpaceRow): NewBuild => ({
  id: random.uuid() as BuildId,
  spaceId: space.id,
  baseImage,
  user: caller.user,
});

export function buildService(deps: BuildDeps) {
  const { applier, view, storeKey } = deps;

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
      return build === undefined ? NO_BUILD : accepted(buildObject(view, build));
    },
    get: (caller: Caller, spaceName: string, id: string) => mapped(found(caller, spaceName, id), (row) => buildObject(view, row)),
    logs: (caller: Caller, spaceName: string, id: string) =>
      mapped(found(caller, spaceName, id), (row) => buildLog(view, row, caller.permissions.allows('nodes', 'list', null))),
  };
}

/** Returns the log of a build, generated from its row: no code of agents runs during a build. */
function buildLog(view: View, row: BuildRow, seesNodes: boolean): BuildLogObject {
  const { id, space, status, image_tag, agents_deployed, error } = buildObject(view, row);
  const begun = rfc3339(row.createdAt);
  const logs = [{ line: `Queued with ${agents_deployed.length === 0 ? 'no agents' : agents_deployed.join(', ')}.`, timestamp: begun }];
  if (row.nodeId !== null && seesNodes)
    logs.push({ line: `Assigned to the node ${view.get('nodes', row.nodeId)?.name ?? row.nodeId}.`, timestamp: begun });
  const ended = row.completedAt === null ? begun : rfc3339(row.completedAt);
  if (status === 'completed') logs.push({ line: `Completed as ${image_tag ?? row.image}.`, timestamp: ended });
  if (status === 'failed') logs.push({ line: `Failed: ${error ?? 'no reason was given.'}`, timestamp: ended });
  return { build_id: id, space, status, logs };
}
