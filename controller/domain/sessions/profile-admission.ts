import type { CommandUser, Profile } from '../../contract/profiles.ts';
import { type Refused, refused } from '../engine/outcome.ts';
import type { SpaceRow } from '../spaces/rows.ts';
import { imagesIn, profilesIn } from '../spaces/space-settings.ts';
import type { SessionRow } from './rows.ts';

/** Names of allowed images in a refusal. */
const MAX_SHOWN = 10;

/** Returns why sessions of a space cannot have a profile, or an image; undefined if they can. */
export function refusedProfile(
  { name, settings }: Pick<SpaceRow, 'name' | 'settings'>,
  profile: Profile,
  image: string | undefined,
): Refused | undefined {
  const profiles = profilesIn(settings);
  if (!profiles.includes(profile)) {
    const problem = `must be ${profiles.join(' or ')} in the space ${name}`;
    const next = `To allow ${profile}, an operator sets settings.profiles of the space to ${JSON.stringify([...profiles, profile])}.`;
    return refused('UNPROCESSABLE_ENTITY', `profile ${problem}. ${next}`, [{ path: 'profile', problem }]);
  }
  const images = imagesIn(settings);
  if (image === undefined || images.includes(image)) return undefined;
  const shown = images.slice(0, MAX_SHOWN).join(', ') + (images.length > MAX_SHOWN ? ', …' : '');
  const problem =
    images.length === 0 ? `is not possible: the space ${name} allows none` : `must be one that the space ${name} allows: ${shown}`;
  const next = 'To allow another one, an operator adds it to settings.images of the space.';
  return refused('UNPROCESSABLE_ENTITY', `image ${problem}. ${next}`, [{ path: 'image', problem }]);
}

/** Returns why nothing in a session can run as a user; undefined if it can. */
export function refusedUser({ profile }: Pick<SessionRow, 'profile'>, user: CommandUser | undefined): Refused | undefined {
  if (user === undefined || profile === 'workstation') return undefined;
  const problem = 'can be chosen in sessions of the profile workstation only';
  const message = `user ${problem}: in a locked session everything runs as the user of its agents. Leave it out, or create a session with profile=workstation.`;
  return refused('UNPROCESSABLE_ENTITY', message, [{ path: 'user', problem }]);
}
