import { z } from 'zod';
import { fields, wording } from './fields.ts';

const MAX_EXPIRES_IN_S = 30 * 24 * 3600;

export const createNodeToken = fields({
  expires_in_s: z
    .int({ error: wording })
    .min(1, 'must be 1 or more')
    .max(MAX_EXPIRES_IN_S, `must be at most ${MAX_EXPIRES_IN_S}`)
    .exactOptional(),
});
