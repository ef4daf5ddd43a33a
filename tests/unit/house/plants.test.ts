import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PLANTS } from '../../simulation/plants/catalogue.ts';
import { planted } from '../../simulation/plants/plant.ts';

const ROOT = join(import.meta.dirname, '../../..');

t.test('every planted fault still fits the source that it changes', async (t) => {
  for (const [name, plant] of Object.entries(PLANTS))
    t.doesNotThrow(() => planted(plant, readFileSync(join(ROOT, plant.file), 'utf8')), name);
});
