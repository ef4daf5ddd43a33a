import { relative } from 'node:path';
import process from 'node:process';
import { projectRoot } from '../places.ts';
import { bold, cyan, dim } from '../terminal.mjs';

export interface Site {
  readonly url: string;
  readonly passwordFile: string | undefined;
  readonly isLoggedIn: boolean;
  readonly natsUrl: string | undefined;
  readonly logs: string;
}

/** Where everything is, and what to try next, in commands that work as they stand. */
export function nextSteps(site: Site, once: boolean): string {
  const lines = [
    '',
    `  REST            ${bold(`${site.url}/api/v0`)}`,
    `  admin password  ${site.passwordFile === undefined ? 'as set in RAWORC_ADMIN_PASSWORD' : shown(site.passwordFile)}`,
    ...(site.natsUrl === undefined ? [] : [`  news (NATS)     ${site.natsUrl}`]),
    `  logs            ${shown(site.logs)}`,
    '',
  ];
  if (once) return lines.join('\n');
  const sudo = process.env.SUDO_UID === undefined ? '' : 'sudo env "PATH=$PATH" ';
  const login = `login --url ${site.url} --user admin${site.passwordFile === undefined ? '' : ` --password-file ${shown(site.passwordFile)}`}`;
  const commands = [
    ...(site.isLoggedIn ? [] : [login]),
    'session list',
    'chat first-light "What can you do?"',
    'agent deploy examples/hello-node',
    'session new --name mine',
    'chat mine "@hello-node Who are you?"',
    'node list',
  ];
  return [
    ...lines,
    '  Try, in another terminal:',
    ...commands.map((command) => `    ${cyan(`${sudo}npx raworc ${command}`)}`),
    '',
    dim('  Ctrl-C stops everything; data, volumes and images stay for the next run.'),
    '',
  ].join('\n');
}

function shown(path: string): string {
  const short = relative(projectRoot, path);
  return short.startsWith('..') ? path : short;
}
