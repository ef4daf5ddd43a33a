/** The controller's process: reads its settings, starts, and ends on SIGTERM or SIGINT. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { prometheusMetrics } from '../seams/prometheus.ts';
import { barriersIn, jsonLog, systemClock, systemDisk, systemFreeSpace, systemRandom } from '../seams/system.ts';
import { startController } from './controller.ts';
import { readSettings } from './settings/settings.ts';

const GRACE_MS = 20_000;
process.umask(0o077);
const log = jsonLog('controller', process.env.RAWORC_LOG_LEVEL === 'debug' ? 'debug' : 'info');

function end(event: string, error: unknown): never {
  log.error(event, { error: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
process.on('uncaughtException', (error) => end('controller.fault', error));
process.on('unhandledRejection', (error) => end('controller.fault', error));

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const settings = readSettings(process.env);
if (!settings.ok) end('controller.bad_settings', settings.refusal.message);

const controller = await startController({
  ...settings.value,
  directory: join(settings.value.dataDirectory, 'controller'),
  version,
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  freeSpace: systemFreeSpace,
  log,
  metrics: prometheusMetrics({ processMetrics: true }),
  barriers: barriersIn(process.env.RAWORC_BARRIERS),
  // The applier cannot go on: a commit failed, or a statement that lost its transaction.
  onFatal: (error) => end('controller.commit_failed', error),
}).catch((error) => end('controller.start_failed', error));

log.info('controller.ready', {
  url: controller.http.url,
  http_port: controller.http.port,
  node_port: controller.nodes.nodePort,
  join_port: controller.nodes.joinPort,
  admin_password_file: controller.adminPasswordPath,
});

let ending = false;
function stop(signal: string): void {
  if (ending) return;
  ending = true;
  log.info('controller.stopping', { signal });
  controller.close({ shutDownNodes: settings.ok && settings.value.shutDownNodes, graceMs: GRACE_MS }).then(
    () => {
      log.info('controller.stopped');
      process.exit(0);
    },
    (error) => end('controller.stop_failed', error),
  );
}
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
