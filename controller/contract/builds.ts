import { z } from 'zod';
import { fields, wording } from './fields.ts';

const flag = () => z.boolean({ error: wording }).exactOptional();

/** Both spellings mean the same. */
export const createBuild = fields({ force: flag(), force_rebuild: flag() });
