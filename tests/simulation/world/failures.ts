import type { SessionRow } from '../../../controller/domain/sessions/rows.ts';
import type { Chronicle } from './chronicle.ts';

const ENDS_BORNE = 5;

/**
 * Returns why a session should not have failed for the given reason; undefined if something
 * explains it.
 */
export function unexplainedFailure(chronicle: Chronicle, before: SessionRow | undefined, row: SessionRow): string | undefined {
  const reason = row.reason ?? '';
  const isGone = (id: string) => chronicle.volumesLost.has(id) || chronicle.volumeless.has(id);
  if (reason.startsWith('host lost')) return chronicle.lostNodes.has(row.nodeId ?? '') ? undefined : 'its node was never given up';
  if (reason.startsWith('The volume of this session is missing')) return isGone(row.id) ? undefined : 'its volume was never lost';
  if (reason.includes("copy the parent's volume")) return sourceIsThere(chronicle, before, isGone);
  if (reason.startsWith('The volume could not be copied')) {
    const volumes = [row.id, before?.copyFrom ?? ''];
    return volumes.some(isGone) ? undefined : `neither ${volumes.join(' nor ')} lost its volume`;
  }
  if (reason.startsWith('Its container ended')) {
    const ends = chronicle.guestKills.get(row.id) ?? 0;
    return ends >= ENDS_BORNE ? undefined : `it ended ${ends} times`;
  }
  // Only a node that was lost meanwhile had the image, or only nodes of the previous release, which push nothing.
  if (reason.startsWith('The image ') && (chronicle.lostNodes.size > 0 || chronicle.registryEmptied)) return undefined;
  // A restore forgets builds, and where their images are: an adopted session has its image from its node alone.
  if (reason.startsWith('The image ') && chronicle.adopted.has(row.id) && chronicle.imagesPruned.size > 0) return undefined;
  return chronicle.enginesFailed.size > 0 ? undefined : 'no engine failed';
}

/** A copy has no source if that was deleted, failed or lost its volume before it was read. */
function sourceIsThere(chronicle: Chronicle, before: SessionRow | undefined, isGone: (id: string) => boolean): string | undefined {
  const id = before?.copyFrom ?? '';
  const source = chronicle.sessions.get(id);
  const isIntact = source !== undefined && source.desired !== 'deleted' && !chronicle.failed.has(id) && !isGone(id);
  return isIntact && source.hasRun ? `its source ${id} is there` : undefined;
}
