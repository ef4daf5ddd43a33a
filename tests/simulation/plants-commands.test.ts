import t from 'tap';
import { COMMAND_PLANTS } from './plants/command-plants.ts';
import { findPlants } from './plants/find-plants.ts';

t.setTimeout(290_000);

findPlants(t, COMMAND_PLANTS);
