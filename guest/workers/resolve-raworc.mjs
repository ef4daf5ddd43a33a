/** Lets agents import `raworc` by its name, unless they bring a package of that name. */
import { registerHooks } from 'node:module';

const url = new URL('./raworc.mjs', import.meta.url).href;
/** Calls that a hook adds to the stack of an error, ahead of the agent's own. */
const CALLS_OF_HOOK = 10;

registerHooks({
  resolve(specifier, context, nextResolve) {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = limit + CALLS_OF_HOOK;
    try {
      return nextResolve(specifier, context);
    } catch (error) {
      if (specifier !== 'raworc') throw error;
      return { url, format: 'module', shortCircuit: true };
    } finally {
      Error.stackTraceLimit = limit;
    }
  },
});
