import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { ROOM_PLANTS } from './plants/room-plants.ts';

t.setTimeout(290_000);

findPlants(t, ROOM_PLANTS);
