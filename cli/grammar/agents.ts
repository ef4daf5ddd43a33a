import type { Command } from 'commander';
import { deployAgent } from '../commands/agent-deploy.ts';
import { listAgents, removeAgents, stopAgent } from '../commands/agents.ts';
import { printAgentLogs } from '../commands/logs.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { logOptions, narrowed } from './logs.ts';
import { count, INCLUDE, JSON_LIST, OVER_A_RESTART, SPACE } from './options.ts';

export function agentCommands(program: Command, io: Io, connect: Connect): void {
  const agent = program.command('agent').description('manage agents: programs that answer messages');
  agent
    .command('deploy <source>')
    .description('build an agent from a directory, which is uploaded, or a repository: owner/repo, host/owner/repo or a URL')
    .option(...SPACE)
    .option('--name <name>', "the agent's name (default: the source's)")
    .option('--branch <ref>', 'the branch, tag or commit of the repository (default: its default branch)')
    .option('--directory <path>', 'the directory of the repository that contains the agent')
    .option('--secret <name>', 'the secret of the space with the token or deploy key of the repository')
    .option(...INCLUDE)
    .option('--logs', 'print what the build and its programs print')
    .option('--timeout <minutes>', 'how long to wait for the build', count, 30)
    .action(async (source, options) => deployAgent(io, await connect(OVER_A_RESTART), source, options));
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
  narrowed(agent.command('logs <agent>').description('print the output of an agent in running sessions')).action(async (name, options) =>
    printAgentLogs(io, await connect(OVER_A_RESTART), name, logOptions(options)),
  );
  agent
    .command('rm <agent...>')
    .description('delete agents from a space')
    .option(...SPACE)
    .action(async (names, options) => removeAgents(io, await connect(), names, options));
}
