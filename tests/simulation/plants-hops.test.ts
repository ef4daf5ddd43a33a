import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { HOP_PLANTS } from './plants/guest-plants.ts';

t.setTimeout(290_000);

findPlants(t, HOP_PLANTS);
