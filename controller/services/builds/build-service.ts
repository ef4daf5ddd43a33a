import type { Random } from '../../../seams/random.ts';
import { createBuild, type NewBuild } from '../../domain/builds/commands/create-build.ts';
import type { BuildRow } from '../../domain/builds/rows.ts';
import type { BuildId } from '../../domain/engine/ids.ts';
import type { BuildLogObject } from '../../domain/engine/objects.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import { buildObject } from '../../domain/engine/present.ts';
import { rfc3339 } from '../../domain/engine/time.ts';
import type { View } from '../../domain/engine/view.ts';
import type { SpaceRow } from '../../domain/spaces/rows.ts';
import { spaceFor } from '../access/access.ts';
import type { Builds } from '../engine/api.ts';
import type { Applier } from '../engine/applier.ts';
import type { Caller } from '../engine/caller.ts';
import { knownRequest } from '../engine/idempotency-keys.ts';

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

export function buildService(deps: BuildDeps): Builds {
  const { applier, view, storeKey } = deps;
  const none = refused('NOT_FOUND', 'There is no such build.');

  function found(caller: Caller, spaceName: string, id: string): Outcome<BuildRow> {
    const space = spaceFor(view, caller, spaceName, 'builds', 'get');
    if (!space.ok) return space;
    const build = view.get('builds', id);
    return build === undefined || build.spaceId !== space.value.id ? none : accepted(build);
  }

  return {
    async create(caller, spaceName, { force }, idempotency) {
      const space = spaceFor(view, caller, spaceName, 'builds', 'create');
      if (!space.ok) return space;
      const request = knownRequest(storeKey, caller, idempotency);
      return applier.submit(createBuild({ ...newBuild(deps, caller, space.value), force, request }), caller);
    },
    latest(caller, spaceName) {
      const space = spaceFor(view, caller, spaceName, 'builds', 'get');
      if (!space.ok) return space;
      const build = view.newestBuild(space.value.id);
      return build === undefined ? none : accepted(buildObject(view, build));
    },
    get(caller, spaceName, id) {
      const build = found(caller, spaceName, id);
      return build.ok ? accepted(buildObject(view, build.value)) : build;
    },
    logs(caller, spaceName, id) {
      const build = found(caller, spaceName, id);
      return build.ok ? accepted(told(view, build.value, caller.permissions.allows('nodes', 'list', null))) : build;
    },
  };
}

/** What became of a build, as its row tells it: nothing of the agents' own runs while one is made, and so nothing more is printed. */
function told(view: View, row: BuildRow, seesNodes: boolean): BuildLogObject {
  const { id, space, status, image_tag, agents_deployed, error } = buildObject(view, row);
  const begun = rfc3339(row.createdAt);
  const logs = [{ line: `Queued, to hold ${agents_deployed.length === 0 ? 'no agent' : agents_deployed.join(', ')}.`, timestamp: begun }];
  if (row.nodeId !== null && seesNodes)
    logs.push({ line: `Made on the node ${view.get('nodes', row.nodeId)?.name ?? row.nodeId}.`, timestamp: begun });
  const ended = row.completedAt === null ? begun : rfc3339(row.completedAt);
  if (status === 'completed') logs.push({ line: `Completed as ${image_tag ?? row.image}.`, timestamp: ended });
  if (status === 'failed') logs.push({ line: `Failed: ${error ?? 'no reason was given.'}`, timestamp: ended });
  return { build_id: id, space, status, logs };
}
