import { type Command, Option } from 'commander';
import { deployAgent } from '../commands/agent-deploy.ts';
import { listAgents, printLogs, removeAgents, stopAgent } from '../commands/agents.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { count, JSON_LIST, OVER_A_RESTART, SPACE } from './options.ts';

export function agentCommands(program: Command, io: Io, connect: Connect): void {
  const agent = program.command('agent').description('manage agents: programs that answer messages');
  agent
    .command('deploy <directory>')
    .description('upload a directory as an agent and build it')
    .option(...SPACE)
    .option('--name <name>', "the agent's name (default: the directory's)")
    .option('--timeout <minutes>', 'how long to wait for the build', count, 30)
    .action(async (directory, options) => deployAgent(io, await connect(OVER_A_RESTART), directory, options));
  agent
    .command('list')
    .alias('ls')
    .description('list the agents of a space')
    .option(...SPACE)
    .option(...JSON_LIST)
    .action(async (options) => listAgents(io, await connect(), options));
  agent
    .command('stop <agent>')
    .description('stop an agent in every session until it is deployed again')
    .option(...SPACE)
    .action(async (name, options) => stopAgent(io, await connect(), name, options));
  agent
    .command('logs <agent>')
    .description('print the output of an agent in running sessions')
    .option(...SPACE)
    .option('--session <session>', 'only from this session')
    .option('--lines <number>', 'how many of the newest lines', count, 100)
    .addOption(new Option('--stream <stream>', 'only this stream').choices(['stdout', 'stderr']))
    .option('--follow', 'keep printing new output until Ctrl-C')
    .action(async (name, options) => printLogs(io, await connect(OVER_A_RESTART), name, options));
  agent
    .command('rm <agent...>')
    .description('delete agents from a space')
    .option(...SPACE)
    .action(async (names, options) => removeAgents(io, await connect(), names, options));
}
