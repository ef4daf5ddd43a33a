/** A node agent whose builds can take only RAWORC_TEST_BUILD_LIMIT_MS. */
import process from 'node:process';
import { configured } from '../../node-agent/configured.ts';
import { openDocker } from '../../node-agent/docker-engine.ts';
import { run } from '../../node-agent/run.ts';
import { setTlsDefaults } from '../../proto/tls-defaults.ts';
import { jsonLog } from '../../seams/system.ts';

const buildLimitMs = Number(process.env.RAWORC_TEST_BUILD_LIMIT_MS);
// The product refuses variables that it does not know.
delete process.env.RAWORC_TEST_BUILD_LIMIT_MS;
setTlsDefaults();
const { flags, env } = configured();
process.exit(await run(flags, env, jsonLog('node', 'info'), async (deps) => ({ ...(await openDocker(deps)), buildLimitMs })));
