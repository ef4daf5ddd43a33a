/** Logins, and the API keys of an account. */
import type { Command } from 'commander';
import { listKeys, newKey, removeKeys } from '../commands/keys.ts';
import { login, logout, whoAmI } from '../commands/login.ts';
import { DEFAULT_URL } from '../config.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { JSON_LIST } from './options.ts';

export function loginCommands(program: Command, io: Io, connect: Connect): void {
  program
    .command('login')
    .description('log in and save the token')
    .option('--url <url>', `the server (default: RAWORC_URL or ${DEFAULT_URL})`)
    .option('--user <name>', 'the account', 'admin')
    .option('--ca <file>', 'trust only the CA certificates in this file (default: RAWORC_CA_FILE, or the CAs of Node.js)')
    .option('--password-file <file>', 'read the password from a file, or with - from standard input')
    .action((options) => login(io, options));
  program
    .command('logout')
    .description('log out and delete the saved token')
    .option('--everywhere', 'revoke every login of this account')
    .action(async (options) => logout(io, await connect(), options));
  program
    .command('whoami')
    .description('show which account you are logged in as')
    .option(...JSON_LIST)
    .action(async (options) => whoAmI(io, await connect(), options));
}

export function keyCommands(program: Command, io: Io, connect: Connect): void {
  const key = program.command('key').description('manage API keys for programs that act on your behalf');
  key
    .command('list')
    .alias('ls')
    .description('list your API keys')
    .option(...JSON_LIST)
    .action(async (options) => listKeys(io, await connect(), options));
  key
    .command('new <name>')
    .description('create an API key and print it')
    .option('--expires <when>', 'when it expires: 30d, 12h or a time (default: never)')
    .action(async (name, options) => newKey(io, await connect(), name, options));
  key
    .command('rm <key...>')
    .description('delete API keys by id or name')
    .action(async (refs) => removeKeys(io, await connect(), refs));
}
