import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { SLOT_PLANTS } from './plants/slot-plants.ts';

t.setTimeout(290_000);

findPlants(t, SLOT_PLANTS);
