import { type Command, Option } from 'commander';
import { cancelBuild, listBuilds, printBuildLog, showBuild } from '../builds/build-commands.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { JSON_LIST, OVER_A_RESTART, SPACE } from './options.ts';

const WHICH = 'its id or the start of it (default: the newest build)';

export function buildCommands(program: Command, io: Io, connect: Connect): void {
  const build = program.command('build').description('look at builds: each turns the agents of a space into an image');
  build
    .command('list')
    .alias('ls')
    .description('list the builds of a space, newest first')
    .option(...SPACE)
    .addOption(
      new Option('--status <status>', 'only with this status').choices(['pending', 'building', 'completed', 'failed', 'cancelled']),
    )
    .option(...JSON_LIST)
    .action(async (options) => listBuilds(io, await connect(), options));
  build
    .command('get')
    .argument('[build]', WHICH)
    .description('show a build with the time of each stage')
    .option(...SPACE)
    .action(async (ref, options) => showBuild(io, await connect(), ref, options));
  build
    .command('logs')
    .argument('[build]', WHICH)
    .description('print what a build and its programs printed')
    .option(...SPACE)
    .option('--follow', 'keep printing until the build has ended')
    .action(async (ref, options) => printBuildLog(io, await connect(OVER_A_RESTART), ref, options));
  build
    .command('cancel')
    .argument('[build]', WHICH)
    .description('cancel a build; all deploys that share it end')
    .option(...SPACE)
    .action(async (ref, options) => cancelBuild(io, await connect(), ref, options));
}
