import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { NODE_PLANTS } from './plants/node-plants.ts';

t.setTimeout(290_000);

findPlants(t, NODE_PLANTS);
