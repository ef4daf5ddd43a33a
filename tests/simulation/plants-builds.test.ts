import t from 'tap';
import { BUILD_PLANTS } from './plants/build-plants.ts';
import { findPlants } from './plants/find-plants.ts';

t.setTimeout(290_000);

findPlants(t, BUILD_PLANTS);
