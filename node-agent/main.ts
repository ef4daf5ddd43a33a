import { resolve } from 'node:path';
import { setTlsDefaults } from '../proto/tls-defaults.ts';
import { messageOf } from '../seams/message-of.ts';
import { print } from '../seams/print.ts';
import { jsonLog } from '../seams/system.ts';
import { openDocker } from './docker-engine.ts';
import { parseFlags, USAGE } from './flags.ts';
import { run } from './run.ts';

setTlsDefaults();
const parsed = parseFlags(process.argv.slice(2));
if (!parsed.ok) {
  print(`${parsed.problem}\n${USAGE}`, 'stderr');
  process.exit(2);
}
const level = process.env.RAWORC_LOG_LEVEL === 'debug' ? 'debug' : 'info';
const log = jsonLog('node', level);
// Exiting at any moment is safe: the next start continues.
process.exit(
  await run({ ...parsed.flags, dataDirectory: resolve(parsed.flags.dataDirectory) }, log, openDocker).catch((error: unknown) => {
    log.error('node.fault', { error: messageOf(error) });
    return 1;
  }),
);
