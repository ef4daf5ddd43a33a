import { createHash } from 'node:crypto';
import { WORKSTATION_RECIPE } from '../../../proto/images/workstation-recipe.ts';
import type { WorkstationImage } from '../../domain/sessions/commands/create-session.ts';

const REPOSITORY = 'raworc/workstation';

/**
 * Returns the image of workstations that is made from the image `name`. Its tag follows from the
 * recipe and the cluster's base image, so that a new release or base image makes a new one.
 */
export function workstationImage(name: string, baseImage: string): WorkstationImage {
  const hash = createHash('sha256');
  for (const part of [String(WORKSTATION_RECIPE), baseImage, name]) hash.update(part).update('\0');
  return { name, image: `${REPOSITORY}:${hash.digest('hex').slice(0, 12)}` };
}
