import { z } from 'zod';
import { looseFields, whole, wording } from '../fields.ts';
import { profile } from '../profiles.ts';

/** Slots of one space. */
export const MAX_SLOTS = 256;

const share = z.number({ error: wording }).min(0, 'must be at least 0').max(1, 'must be at most 1');

/** Sessions of a space that are started ahead of need. */
export const slots = looseFields({
  min: whole(0, MAX_SLOTS).exactOptional().describe('Kept ready at all times'),
  max: whole(0, MAX_SLOTS).exactOptional().describe('Kept ready at most, while sessions are created. 0: none'),
  profile: profile().exactOptional().describe('Of the slots that `min` keeps ready. Default: locked'),
  headroom: share.exactOptional().describe('Share of the CPU and memory of each node that slots leave free. Default: 0.2'),
});
