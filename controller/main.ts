/**
 * The controller's process: reads its settings, starts, and ends on SIGTERM or SIGINT. On SIGHUP it
 * reads the certificate of REST again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { boundGarbage } from '../seams/garbage.ts';
import { prometheusMetrics } from '../seams/prometheus.ts';
import { barriersIn, jsonLog, systemClock, systemDisk, systemFreeSpace, systemRandom } from '../seams/system.ts';
import { notifier } from '../systemd/notify.ts';
import { startController } from './controller.ts';
import { claim, startProblem } from './service/claim.ts';
import { answers, checkListeners } from './service/listener-check.ts';
import { configured } from './settings/configured.ts';
import { readSettings, type Settings } from './settings/settings.ts';

const GRACE_MS = 20_000;
process.umask(0o077);
boundGarbage();
let log = jsonLog('controller', 'info');

function end(event: string, error: unknown, code = 1): never {
  log.error(event, { error: error instanceof Error ? error.message : String(error) });
  process.exit(code);
}
process.on('uncaughtException', (error) => end('controller.fault', error));
process.on('unhandledRejection', (error) => end('controller.fault', error));

function settingsOf(argv: readonly string[]): Settings {
  try {
    const { env, args } = configured(argv, process.env);
    if (env.RAWORC_LOG_LEVEL === 'debug') log = jsonLog('controller', 'debug');
    if (args.length > 0) end('controller.bad_settings', `serve does not accept ${args.join(' ')}. It accepts only --config FILE`, 2);
    const settings = readSettings(env);
    return settings.ok ? settings.value : end('controller.bad_settings', settings.refusal.message, 2);
  } catch (error) {
    return end('controller.bad_settings', error, 2);
  }
}

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
const settings = settingsOf(process.argv.slice(2));

// From the start, because the default of SIGHUP is to end the process.
let reload = () => {};
process.on('SIGHUP', () => reload());

const directory = join(settings.dataDirectory, 'controller');
// Referenced until the end: an unreachable handle is closed, and the lock with it.
const claimed = await claim(directory).catch((error) => end('controller.start_failed', error));

const controller = await startController({
  ...settings,
  directory,
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
}).catch((error) => end('controller.start_failed', startProblem(error, directory)));

log.info('controller.ready', {
  url: controller.http.url,
  http_port: controller.http.port,
  ...(controller.e2b === undefined ? {} : { e2b_port: controller.e2b.port }),
  node_port: controller.nodes.nodePort,
  join_port: controller.nodes.joinPort,
  admin_password_file: controller.adminPasswordPath,
});
const watchdogMs = Number(process.env.WATCHDOG_USEC ?? 0) / 1000;
const { nodePort, joinPort } = controller.nodes;
const listeners =
  watchdogMs === 0
    ? undefined
    : checkListeners({
        probe: async () => {
          const answered = [nodePort, joinPort].map((port) => answers(settings.nodes.host, port, watchdogMs / 2, systemClock));
          return (await Promise.all(answered)).every(Boolean);
        },
        everyMs: watchdogMs / 2,
        clock: systemClock,
        log,
      });
const isWell = () => listeners?.isWell() ?? true;
const notify = notifier({ env: process.env, after: (ms, tick) => systemClock.after(ms, tick), isWell });
notify.ready();

let ending = false;
function stop(signal: string): void {
  if (ending) return;
  ending = true;
  log.info('controller.stopping', { signal });
  notify.stopping();
  listeners?.close();
  controller.close({ shutDownNodes: settings.shutDownNodes, graceMs: GRACE_MS }).then(
    async () => {
      await claimed.close();
      log.info('controller.stopped');
      process.exit(0);
    },
    (error) => end('controller.stop_failed', error),
  );
}
reload = () => controller.reloadCertificate();
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
