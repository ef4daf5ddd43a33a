import type { Command } from 'commander';
import { forward, openPort } from '../commands/use/ports.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';

export function portCommands(program: Command, io: Io, connect: Connect): void {
  program
    .command('forward <session> <port>')
    .description('pass connections to a local port on to a port of a session: raworc forward my-session 8080:80')
    .action(async (ref, port) => forward(io, await connect(), ref, port));
  program
    .command('open <session> <port>')
    .description('print an address of a port of a session for your browser, which works once')
    .option('--public <time>', 'an address that anybody can use for this time, such as 30m, 2h or 7d')
    .option('--private', 'end the public time of the port')
    .option('--path <path>', 'the path that the address leads to')
    .action(async (ref, port, options) => openPort(io, await connect(), ref, port, options));
}
