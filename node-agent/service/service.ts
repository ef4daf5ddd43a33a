import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NODE_AGENT_SETTINGS } from '../../settings/names.ts';
import { settingsOfShell } from '../../systemd/shell-settings.ts';
import { FILE } from '../configured.ts';
import { FLAG_OPTIONS } from '../flags.ts';
import { nodeAgentUnit } from './unit.ts';

const PATHS = ['data', 'run-dir', 'docker-socket'];
/** They are used by the join. */
const LEFT_OUT = ['token', 'token-file', 'label'];

/** Returns the flags with which the service runs: those given, with absolute paths, without the token. */
export function serviceArgs(given: readonly string[], file: string | undefined): readonly string[] {
  const { config: _config, ...values } = parseArgs({ args: [...given], options: { ...FLAG_OPTIONS, config: { type: 'string' } } }).values;
  const flags = Object.entries(values).filter(([flag]) => !LEFT_OUT.includes(flag));
  return [
    ...(file === undefined ? [] : [`--config=${file}`]),
    ...flags.map(([flag, value]) => `--${flag}=${PATHS.includes(flag) ? resolve(String(value)) : value}`),
  ];
}

/** Returns the unit of this node agent. Throws if it would lack settings of this shell. */
export function ownUnit(given: readonly string[], file: string | undefined): string {
  const problem = settingsOfShell(process.env, NODE_AGENT_SETTINGS, file ?? FILE);
  if (problem !== undefined) throw new Error(problem);
  return nodeAgentUnit(process.execPath, ownProgram(), serviceArgs(given, file));
}

const ownProgram = () => fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
