import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { PROCESS_PLANTS, TICKET_PLANTS, USE_PLANTS } from './plants/use-plants.ts';

t.setTimeout(290_000);

findPlants(t, { ...USE_PLANTS, ...PROCESS_PLANTS, ...TICKET_PLANTS });
