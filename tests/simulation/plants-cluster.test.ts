import t from 'tap';
import { findPlants } from './plants/find-plants.ts';
import { IMAGE_PLANTS } from './plants/image-plants.ts';
import { JOIN_PLANTS } from './plants/join-plants.ts';
import { RELEASE_PLANTS } from './plants/release-plants.ts';

t.setTimeout(290_000);

findPlants(t, { ...IMAGE_PLANTS, ...JOIN_PLANTS, ...RELEASE_PLANTS });
