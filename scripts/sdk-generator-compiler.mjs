/** Gives the client's generator TypeScript 5: it needs the JavaScript API, which TypeScript 7 lacks. */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const isGenerator = context.parentURL?.includes('/node_modules/@hey-api/') ?? false;
    return next(specifier === 'typescript' && isGenerator ? 'js-typescript' : specifier, context);
  },
});
