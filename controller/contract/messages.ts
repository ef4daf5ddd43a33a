import { z } from 'zod';
import { fields, metadata, wording } from './fields.ts';

/** Below the bound of a body, so that a message with its metadata fits. In UTF-16 units, as the schema counts. */
const content = z.string({ error: wording }).min(1, 'must not be empty');

export const postMessage = fields({
  content,
  role: z.enum(['user', 'system'], { error: 'must be user or system' }).exactOptional(),
  metadata: metadata().exactOptional(),
  wake: z.boolean({ error: wording }).exactOptional(),
});

export const MESSAGE_ROLES = ['user', 'agent', 'system'] as const;
