import { Book } from './world/book.ts';
import { Client } from './world/client.ts';
import { Cluster } from './world/cluster.ts';
import { USUAL } from './world/commands.ts';
import { judge, unrest } from './world/invariants.ts';
import { Plan } from './world/plan.ts';
import { Watcher } from './world/watcher.ts';

export interface RunOptions {
  readonly seed: number;
  /** Undefined: some, by chance. */
  readonly faults?: number;
  readonly print?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly digest: string;
  readonly commands: number;
  readonly messages: number;
  readonly simulatedMs: number;
  readonly steps: number;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

const COMMANDS = 200;
const CLIENTS = 4;
const FAULTS_A_RUN = [10, 16] as const;
const CLIENTS_WITHIN_MS = 30 * 60_000;
const REST_WITHIN_MS = 20 * 60_000;

/** One seed from its first moment to its verdict. */
export async function simulate({ seed, faults, print }: RunOptions): Promise<RunResult> {
  const cluster = await Cluster.start({ seed, nodes: 2 + (seed % 2), plant: undefined, print });
  try {
    const { time } = cluster;
    const book = new Book();
    const watchers = [new Watcher(cluster, 'watcher-1'), new Watcher(cluster, 'watcher-2')];
    for (const watcher of watchers) void watcher.run();
    const clients = Array.from({ length: CLIENTS }, (_, at) => new Client(cluster, book, `client-${at + 1}`));
    let working = clients.length;
    for (const client of clients) {
      client.run(COMMANDS / CLIENTS, USUAL).then(
        () => {
          working -= 1;
        },
        (fault: unknown) => cluster.violation(`a client failed: ${fault instanceof Error ? fault.stack : fault}`),
      );
    }
    const plan = new Plan(cluster, faults ?? cluster.random.fork('how many').whole(...FAULTS_A_RUN));
    await time.run(CLIENTS_WITHIN_MS, () => working === 0 && plan.isDone);
    if (working > 0) cluster.violation('the clients did not come to an end');
    cluster.trace.note('FAULT', 'all is healed');
    plan.heal();
    await rest(cluster);
    judge(cluster, book);
    const newest = cluster.events.newest();
    for (const { seen } of watchers) if (seen.length !== newest) cluster.violation(`a watcher saw ${seen.length} of ${newest} events`);
    return {
      ...{ seed, digest: cluster.trace.digest(), commands: book.commands, messages: book.messages.size },
      ...{ simulatedMs: time.now, steps: time.handled, violations: cluster.violations, trace: cluster.trace.last(60) },
    };
  } finally {
    cluster.close();
  }
}

async function rest(cluster: Cluster): Promise<void> {
  const { time } = cluster;
  const until = time.now + REST_WITHIN_MS;
  while (time.now < until) {
    await time.run(time.now + 1_000);
    if (unrest(cluster) === undefined) {
      await time.run(time.now + 5_000);
      if (unrest(cluster) === undefined) return;
    }
  }
  cluster.violation(`it does not come to rest: ${unrest(cluster)}`);
}
