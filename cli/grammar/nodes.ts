import { type Command, InvalidArgumentError } from 'commander';
import { cordonNode, drainNode, labelNode, uncordonNode } from '../commands/node-scheduling.ts';
import { adoptOrphan, discardOrphan, listNodes, listOrphans, loseNode, removeNode, showNode } from '../commands/nodes.ts';
import type { Connect } from '../connection.ts';
import type { Io } from '../io.ts';
import { nodeTokenCommands } from './node-tokens.ts';
import { JSON_LIST, OVER_A_RESTART } from './options.ts';

export function nodeCommands(program: Command, io: Io, connect: Connect): void {
  const node = program.command('node').description('manage nodes: the machines that run sessions');
  nodeTokenCommands(node, io, connect);
  node
    .command('list')
    .alias('ls')
    .description('list nodes and their conditions')
    .option(...JSON_LIST)
    .action(async (options) => listNodes(io, await connect(), options));
  node
    .command('get <node>')
    .description('show one node and explain its conditions')
    .option(...JSON_LIST)
    .action(async (ref, options) => showNode(io, await connect(), ref, options));
  node
    .command('label <node> [labels...]')
    .description('set labels given as KEY=VALUE, remove those given as KEY-, and print all labels')
    .action(async (ref, labels) => labelNode(io, await connect(), ref, labels));
  node
    .command('cordon <node>')
    .description('place no new sessions on a node; its sessions continue, and still wake')
    .action(async (ref) => cordonNode(io, await connect(), ref));
  node
    .command('uncordon <node>')
    .description('place sessions on a node again, and end its drain')
    .action(async (ref) => uncordonNode(io, await connect(), ref));
  node
    .command('drain <node>')
    .description('cordon a node, suspend its sessions, and wait until none runs; files stay, and messages wait until uncordon')
    .option('--deadline <minutes>', 'how long busy sessions can finish (default: 60)', minutes)
    .option('--no-interrupt', 'let busy sessions finish, however long they take')
    .option('--no-wait', 'return at once')
    .action(async (ref, options) => drainNode(io, await connect(OVER_A_RESTART), ref, options));
  node
    .command('orphans <node>')
    .description('list containers and volumes on a node that belong to no session')
    .option(...JSON_LIST)
    .action(async (ref, options) => listOrphans(io, await connect(), ref, options));
  node
    .command('adopt <node> <session>')
    .description('turn an orphan into a session')
    .action(async (ref, id) => adoptOrphan(io, await connect(), ref, id));
  node
    .command('discard <node> <session>')
    .description('delete an orphan with its files')
    .action(async (ref, id) => discardOrphan(io, await connect(), ref, id));
  node
    .command('remove <node>')
    .alias('rm')
    .description('remove a node without sessions from the cluster: its certificate is refused from then on')
    .option('--lost', 'also with sessions: they fail, and their files are given up')
    .action(async (ref, options) => removeNode(io, await connect(), ref, options));
  node
    .command('lost <node>')
    .description('declare an unreachable node lost: its sessions fail now, and can be recovered if it comes back')
    .action(async (ref) => loseNode(io, await connect(), ref));
}

function minutes(text: string): number {
  if (!/^(0|[1-9]\d{0,3})$/.test(text)) throw new InvalidArgumentError('It must be a number of minutes from 0 to 9999.');
  return Number(text);
}
