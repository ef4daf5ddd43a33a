import { DEFAULT_SIZE_RULES, type SizeRules } from '../../../controller/domain/sessions/session-sizes.ts';

/** So narrow that nodes with many small requests are full by their limits. */
export const SIZES: SizeRules = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 3.5, diskOvercommit: 1 };
