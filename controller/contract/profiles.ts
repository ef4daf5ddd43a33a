import { z } from 'zod';
import { wording } from './fields.ts';

/** What a session's container is; see docs/security.md. */
export const PROFILES = ['locked', 'workstation'] as const;
export type Profile = (typeof PROFILES)[number];

/** The image of workstations unless another one is named, and the only one that spaces allow by default. */
export const WORKSTATION_IMAGE = 'raworc/workstation';

/** What keeps a session's processes from its host: the kernel alone, with ids of their own, or gVisor's kernel. */
export const ISOLATIONS = ['container', 'user-namespace', 'gvisor'] as const;
export type Isolation = (typeof ISOLATIONS)[number];

/** Users that commands in a workstation can run as. */
export const COMMAND_USERS = ['user', 'root'] as const;
export type CommandUser = (typeof COMMAND_USERS)[number];

const REFERENCE = /^[a-z0-9][\w.-]*(?::\d+)?(?:\/[a-z0-9][\w.-]*)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/i;

export const profile = () => z.enum(PROFILES, { error: () => `must be one of ${PROFILES.join(', ')}` });

/** The name of an image, as Docker takes it. */
export const imageReference = () =>
  z
    .string({ error: wording })
    .max(255, 'must have at most 255 characters')
    .regex(REFERENCE, 'must be the name of an image, such as debian:12 or raworc/workstation');

/** Settings of a space. */
export const profileSettings = {
  profiles: z
    .array(profile(), { error: wording })
    .min(1, 'must name at least one profile')
    .max(PROFILES.length, `must have at most ${PROFILES.length} items`)
    .exactOptional()
    .describe('Profiles that sessions can have. Default: locked. Changing it needs spaces:update on all spaces'),
  images: z
    .array(imageReference(), { error: wording })
    .max(100, 'must have at most 100 items')
    .exactOptional()
    .describe(`Images that workstations can have. Default: ${WORKSTATION_IMAGE}. Changing it needs spaces:update on all spaces`),
};
