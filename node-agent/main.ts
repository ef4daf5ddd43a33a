import { resolve } from 'node:path';
import { setTlsDefaults } from '../proto/tls-defaults.ts';
import { messageOf } from '../seams/message-of.ts';
import { print } from '../seams/print.ts';
import { jsonLog } from '../seams/system.ts';
import { loadSettings } from '../settings/load.ts';
import { NODE_AGENT_SETTINGS } from '../settings/names.ts';
import { openDocker } from './docker-engine.ts';
import { FLAGS, parseFlags } from './flags.ts';
import { run } from './run.ts';

setTlsDefaults();

function refuse(problem: string): never {
  print(`raworc-node-agent: ${problem}\nSee raworc-node-agent --help`, 'stderr');
  process.exit(2);
}

function configured() {
  const defaultFile = '/etc/raworc/node-agent.toml';
  try {
    return loadSettings({ names: NODE_AGENT_SETTINGS, flags: FLAGS, args: process.argv.slice(2), env: process.env, defaultFile });
  } catch (error) {
    return refuse(messageOf(error));
  }
}

const { env, args } = configured();
const parsed = parseFlags(args);
if (!parsed.ok) refuse(parsed.problem);
const log = jsonLog('node', env.RAWORC_LOG_LEVEL === 'debug' ? 'debug' : 'info');
// Exiting at any moment is safe: the next start continues.
process.exit(
  await run({ ...parsed.flags, dataDirectory: resolve(parsed.flags.dataDirectory) }, env, log, openDocker).catch((error: unknown) => {
    log.error('node.fault', { error: messageOf(error) });
    return 1;
  }),
);
