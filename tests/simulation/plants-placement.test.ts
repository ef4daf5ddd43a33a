import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { PLACEMENT_PLANTS } from './plants/placement-plants.ts';

t.setTimeout(290_000);

findPlants(t, PLACEMENT_PLANTS);
