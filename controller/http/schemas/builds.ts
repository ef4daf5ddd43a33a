import { z } from 'zod';
import { fields, wording } from '../validation.ts';

const flag = () => z.boolean({ error: wording }).exactOptional();

/** Every build is made anew so far: both spellings are taken and change nothing. */
export const createBuild = fields({ force: flag(), force_rebuild: flag() });
