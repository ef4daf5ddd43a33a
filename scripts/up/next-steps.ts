import { relative } from 'node:path';
import process from 'node:process';
import { projectRoot } from '../places.ts';
import { bold, cyan, dim } from '../terminal.ts';

export interface Site {
  readonly url: string;
  readonly passwordFile: string | undefined;
  readonly isLoggedIn: boolean;
  readonly natsUrl: string | undefined;
  readonly logs: string;
}

/**
 * Returns where everything is and, unless it ends now, what to try next, in commands that work as
 * they stand.
 */
export function nextSteps({ url, passwordFile, isLoggedIn, natsUrl, logs }: Site, once: boolean): string {
  const places = `
  REST            ${bold(`${url}/api/v0`)}
  admin password  ${passwordFile === undefined ? 'as set in RAWORC_ADMIN_PASSWORD' : shown(passwordFile)}
${natsUrl === undefined ? '' : `  NATS            ${natsUrl}\n`}  logs            ${shown(logs)}
`;
  if (once) return places;
  const commands = [
    'session list',
    'chat first-light "What can you do?"',
    'agent deploy examples/hello-node',
    'session new --name mine',
    'chat mine "@hello-node Who are you?"',
    'node list',
  ];
  const file = passwordFile === undefined ? '' : ` --password-file ${shown(passwordFile)}`;
  if (!isLoggedIn) commands.unshift(`login --url ${url} --user admin${file}`);
  const sudo = process.env.SUDO_UID === undefined ? '' : 'sudo env "PATH=$PATH" ';
  return `${places}
  Try, in another terminal:
${commands.map((command) => `    ${cyan(`${sudo}npx raworc ${command}`)}`).join('\n')}

${dim('  Ctrl-C stops everything; data, volumes and images stay for the next run.')}
`;
}

function shown(path: string): string {
  const short = relative(projectRoot, path);
  return short.startsWith('..') ? path : short;
}
