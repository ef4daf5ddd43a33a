/** `raworc-controller install`: writes the systemd unit of this controller and starts it. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { print } from '../../seams/print.ts';
import { CONTROLLER_SETTINGS } from '../../settings/names.ts';
import { hasSystemd, installUnit } from '../../systemd/install.ts';
import { settingsOfShell } from '../../systemd/shell-settings.ts';
import { adopt, startOf } from '../../systemd/upgrade/versions.ts';
import { configuredTool, FILE } from '../settings/configured.ts';
import { readSettings } from '../settings/settings.ts';
import { controllerUnit, UNIT } from './unit.ts';

const SECRETS = [
  'RAWORC_ADMIN_PASSWORD_FILE',
  'RAWORC_METRICS_TOKEN_FILE',
  'RAWORC_NATS_TOKEN_FILE',
  'RAWORC_NATS_PASSWORD_FILE',
  'RAWORC_NATS_CREDS_FILE',
  'RAWORC_NATS_NKEY_FILE',
  'RAWORC_REGISTRY_PASSWORD_FILE',
  'RAWORC_REGISTRY_S3_SECRET_KEY_FILE',
];

function fail(problem: string, code: number): never {
  print(`raworc-controller: ${problem}`, 'stderr');
  process.exit(code);
}

const { env, args, file } = configuredTool();
const isPrinted = args.length === 1 && args[0] === '--print';
if (args.length > 0 && !isPrinted) fail(`install does not accept ${args.join(' ')}. It accepts --config FILE and --print`, 2);
const problem = settingsOfShell(process.env, CONTROLLER_SETTINGS, file ?? FILE);
if (problem !== undefined) fail(problem, 2);
const settings = readSettings(env);
if (!settings.ok) fail(settings.refusal.message, 2);

const auditFile = settings.value.audit.file?.path;
const own = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
const text = controllerUnit({
  ...(isPrinted ? { node: process.execPath, program: own } : startOf('controller')),
  reads: [process.execPath, own],
  args: file === undefined ? [] : ['--config', file],
  dataDirectory: env.RAWORC_DATA_DIR ? resolve(env.RAWORC_DATA_DIR) : undefined,
  writes: auditFile === undefined ? [] : [dirname(auditFile)],
  secrets: Object.fromEntries(SECRETS.flatMap((name) => (env[name] ? [[name, resolve(env[name])] as const] : []))),
});
if (isPrinted) print(text.trimEnd());
else if (!hasSystemd()) fail('systemd does not manage this machine. Run `raworc-controller serve` under your own supervisor', 1);
else
  await adopt('controller', process.execPath, own)
    .then(() => installUnit(UNIT, text))
    .then(
      (path) => print(`The controller runs. Its unit is ${path}, its log: journalctl -u raworc-controller`),
      (error: unknown) => fail(`${String(error)}. See journalctl -u raworc-controller`, 1),
    );
