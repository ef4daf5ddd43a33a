import { setTlsDefaults } from '../proto/tls-defaults.ts';
import { messageOf } from '../seams/message-of.ts';
import { jsonLog } from '../seams/system.ts';
import { configured } from './configured.ts';
import { openDocker } from './docker-engine.ts';
import { run } from './run.ts';

setTlsDefaults();
const { flags, env } = configured();
const log = jsonLog('node', env.RAWORC_LOG_LEVEL === 'debug' ? 'debug' : 'info');
// Exiting at any moment is safe: the next start continues.
process.exit(
  await run(flags, env, log, openDocker).catch((error: unknown) => {
    log.error('node.fault', { error: messageOf(error) });
    return 1;
  }),
);
