import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { GUEST_PLANTS } from './plants/guest-plants.ts';

t.setTimeout(290_000);

findPlants(t, GUEST_PLANTS);
