import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { IDENTITY_PLANTS } from './plants/identity-plants.ts';
import { MAINTENANCE_PLANTS } from './plants/maintenance-plants.ts';

t.setTimeout(290_000);

findPlants(t, { ...MAINTENANCE_PLANTS, ...IDENTITY_PLANTS });
