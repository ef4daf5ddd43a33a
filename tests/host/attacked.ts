/** What the tests share in which one session attacks its host while another one goes on. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { z } from 'zod';
import { deploy, writeAgent } from '../cluster/agents.ts';
import { type Cluster, startCluster } from '../cluster/harness.ts';
import { median } from './greed.ts';
import { type PublicTarget, publicTarget } from './public-target.ts';

export const MIB = 2 ** 20;
const MESSAGES = 9;

export interface AttackedPlan {
  /** The source of the agent in Python. */
  readonly agent: string;
  readonly memoryBytes: number;
  /** More settings of the controller. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a cluster of one node with an agent, and what stands for the internet, which resolves every name to itself. */
export async function attackedCluster(
  t: Test,
  { agent, memoryBytes, env = {} }: AttackedPlan,
): Promise<{ readonly cluster: Cluster; readonly target: PublicTarget }> {
  const target = await publicTarget(t);
  const node = { name: 'node-1', cpuMillis: 4000, memoryBytes, env: { RAWORC_SESSION_DNS: target.address } };
  const cluster = await startCluster(t, { nodes: [node], host: '0.0.0.0', nats: true, env });
  await deploy(cluster.rest, 'agent', await writeAgent(join(cluster.directory, 'agent'), { 'main.py': agent }));
  return { cluster, target };
}

/** Returns what measures the median duration of a session's messages, in milliseconds. Its agent answers with the message. */
export async function roundOf({ rest }: Cluster, session: string): Promise<() => Promise<number>> {
  const round = async () => {
    const took: number[] = [];
    for (let at = 0; at < MESSAGES; at += 1) {
      const from = performance.now();
      if ((await rest.say(session, `hello ${at}`)).reply.content !== `hello ${at}`) throw new Error('another answer');
      took.push(performance.now() - from);
    }
    return median(took);
  };
  await round();
  return round;
}

/** Returns the number that a program printed. */
export const printedNumber = async (printed: Promise<string>): Promise<number> => z.number().parse(JSON.parse(await printed));
