import t from 'tap';
import { QUIET_SEEDS } from './plants/plant.ts';
import { quietSeeds } from './quiet-seeds.ts';

t.setTimeout(290_000);

quietSeeds(t, QUIET_SEEDS / 2 + 1, QUIET_SEEDS);
