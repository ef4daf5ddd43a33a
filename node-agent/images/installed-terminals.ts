import { createRequire } from 'node:module';

/**
 * Returns where the native part of terminals is, in a package for this processor. Undefined if it was not
 * installed.
 */
export function installedTerminals(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(`@lydell/node-pty-linux-${process.arch}/pty.node`);
  } catch {
    return undefined;
  }
}
