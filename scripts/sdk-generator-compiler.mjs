/**
 * The generator of the client writes through the compiler's JavaScript interface, which TypeScript
 * 7 does not have: it gets the last one that does.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const isGenerator = context.parentURL?.includes('/node_modules/@hey-api/') ?? false;
    return next(specifier === 'typescript' && isGenerator ? 'js-typescript' : specifier, context);
  },
});
