import type { BuildObject } from '../../../contract/builds.ts';
import { type Command, unchanged } from '../../engine/command.ts';
import type { BuildId, SpaceId } from '../../engine/ids.ts';
import { accepted, type Outcome } from '../../engine/outcome.ts';
import { buildObject } from '../build-object.ts';
import { NO_BUILD } from '../refusals.ts';
import { ends, isOpen } from './advance-build.ts';

/** Cancels a build. Its node learns of it at once, or when it next reports the build. */
export function cancelBuild(id: BuildId, spaceId: SpaceId): Command<Outcome<BuildObject>> {
  return {
    name: 'cancel-build',
    decide({ view, fleet, now }) {
      const build = view.get('builds', id);
      if (build === undefined || build.spaceId !== spaceId) return unchanged(NO_BUILD);
      if (!isOpen(build)) return unchanged(accepted(buildObject(view, build)));
      const cancelled = { ...build, status: 'cancelled', completedAt: now } as const;
      return ends(view, fleet, cancelled, accepted(buildObject(view, cancelled)));
    },
  };
}
