import { DEFAULT_SIZE_RULES, type SizeRules } from '../../../controller/domain/sessions/session-sizes.ts';

/** So small that the limits of many small sessions fill a node. */
export const SIZES: SizeRules = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 3.5, diskOvercommit: 1 };
