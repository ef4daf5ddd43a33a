/**
 * Loaded before a program (`node --import`), with the name of a plant in the environment, whose file
 * is then changed while it is loaded. The program exits with {@link UNPLANTED} if that fails, or if
 * the file is never loaded.
 */
import { registerHooks } from 'node:module';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { PLANTS } from './catalogue.ts';
import { PLANT_VARIABLE, UNPLANTED } from './environment.ts';
import { planted } from './plant.ts';

const name = process.env[PLANT_VARIABLE] ?? '';
const plant = PLANTS[name];
if (plant === undefined) fail(`there is no plant "${name}"`);

const url = new URL(`../../../${plant.file}`, import.meta.url).href;
let isPlanted = false;
registerHooks({
  load(loaded, context, nextLoad) {
    const result = nextLoad(loaded, context);
    if (loaded !== url) return result;
    const source = typeof result.source === 'string' ? result.source : new TextDecoder().decode(result.source);
    isPlanted = true;
    try {
      return { ...result, source: planted(plant, source) };
    } catch (fault) {
      fail(fault instanceof Error ? fault.message : String(fault));
    }
  },
});
process.on('exit', () => {
  if (!isPlanted) fail(`${fileURLToPath(url)} was never loaded`);
});

function fail(why: string): never {
  process.stderr.write(`the plant ${name}: ${why}\n`);
  process.exit(UNPLANTED);
}
