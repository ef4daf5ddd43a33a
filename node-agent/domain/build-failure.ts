import type { Installer } from './installs/planned.ts';

/** Bounds of the output in a build's error. */
const MAX_LINES = 20;
const MAX_CHARACTERS = 2_000;

const COMMANDS: Readonly<Record<Installer, string>> = {
  pip: 'pip install -r requirements.txt',
  pyproject: 'pip install of the dependencies in pyproject.toml',
  uv: 'uv sync',
  'npm-ci': 'npm ci',
  'npm-install': 'npm install',
  pnpm: 'pnpm install',
  yarn: 'yarn install',
  cargo: 'cargo build --release',
  go: 'go build',
  none: 'build_command',
};

const LIMITS = {
  memory: 'it needs more memory than builds have',
  disk: 'it needs more disk space than builds have',
} as const;

interface End {
  readonly code: number;
  readonly exceeded?: keyof typeof LIMITS | undefined;
  readonly lastLines: string;
}

export function installFailure(agent: string, installer: Installer, { code, exceeded, lastLines }: End): string {
  const why = exceeded === undefined ? `exit code ${code}` : LIMITS[exceeded];
  return `${COMMANDS[installer]} failed for the agent ${agent}: ${why}.${quoted(lastLines)}`;
}

/** Returns the last lines of a program's output, as they stand at the end of a message. */
export function quoted(output: string): string {
  const lines = output
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-MAX_LINES);
  const text = lines.join('\n').slice(-MAX_CHARACTERS);
  return text === '' ? '' : ` Its last lines:\n${text}`;
}

export interface CheckResult {
  readonly agent: string;
  readonly outcome: 'loaded' | 'failed' | 'exited' | 'slow';
  readonly message: string;
  readonly output: string;
}

/**
 * Faults that no secret and no service can cause. Others can come from what is missing only while
 * the image is checked, so they do not fail a build.
 */
const CERTAIN =
  /\b(SyntaxError|IndentationError|TabError|ModuleNotFoundError|ImportError|NameError|ReferenceError|ERR_MODULE_NOT_FOUND|ERR_REQUIRE_\w+|ERR_UNSUPPORTED_\w+|MODULE_NOT_FOUND)\b|has no function|exports no function|there is no module|Cannot find (module|package)/;

/** Returns why an agent's handler cannot be used; undefined if it can, or might. */
export function handlerFault({ agent, outcome, message, output }: CheckResult, runtime: string): string | undefined {
  if (outcome === 'loaded' || outcome === 'slow') return undefined;
  const isSignal = outcome === 'exited' && message.startsWith('ended by');
  const isCertain = runtime === 'NATIVE' || isSignal || CERTAIN.test(message) || CERTAIN.test(output);
  if (!isCertain) return undefined;
  if (runtime === 'NATIVE') return `the agent ${agent} cannot run: ${message}.`;
  const place = placeIn(agent, output);
  const at = place === undefined || message.includes(place) ? '' : ` (${place})`;
  return `the handler of the agent ${agent} cannot be loaded: ${message.slice(0, 500)}${at}.${remedyFor(message)}${quoted(output)}`;
}

function remedyFor(message: string): string {
  if (/No module named /.test(message)) return ' If a package has it, add that to requirements.txt.';
  return /Cannot find package /.test(message) ? ' Add it to the dependencies in package.json.' : '';
}

/** Returns file and line of the last place in the agent's own code that a trace names. */
function placeIn(agent: string, output: string): string | undefined {
  const home = `/opt/raworc/agents/${agent.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}/`;
  const python = [...output.matchAll(new RegExp(`File "${home}([^"]+)", line (\\d+)`, 'g'))].at(-1);
  if (python !== undefined) return `${python[1]}, line ${python[2]}`;
  const node = new RegExp(`${home}([^\\s:()]+):(\\d+)`).exec(output);
  return node === null ? undefined : `${node[1]}, line ${node[2]}`;
}
