import { DEFAULT_SIZE_RULES, type SizeRules } from '../../../controller/domain/sessions/session-sizes.ts';
import type { SeededRandom } from './random.ts';

/** So small that the limits of many small sessions fill a node. */
export const SIZES: SizeRules = { ...DEFAULT_SIZE_RULES, memoryOvercommit: 3.5, diskOvercommit: 1 };

/** In a third of the runs, sessions are started ahead of need: these many in each space that says nothing else; else 0. */
export const slotsIn = (random: SeededRandom): number => (random.chance(1 / 3) ? random.whole(1, 4) : 0);
