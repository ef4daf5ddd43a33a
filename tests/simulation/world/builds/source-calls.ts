import { PassThrough } from 'node:stream';
import type { NodeId } from '../../../../controller/domain/engine/ids.ts';
import { agentSpec } from '../../../../controller/services/fleet/encode.ts';
import type { Dialer } from '../../../../node-agent/control/dialer.ts';
import type { Cluster } from '../cluster.ts';
import type { Life } from '../life.ts';
import type { Machine } from '../machine.ts';

export interface SourceCalls {
  readonly cluster: Cluster;
  readonly machine: Machine;
  /** Of the node agent. */
  readonly life: Life;
  readonly latencyMs: () => number;
}

/** The calls for sources of one process of a node agent, with the moments at which they can be cut off. */
export function sourceCalls({ cluster, machine, life, latencyMs }: SourceCalls): Pick<Dialer, 'fetchSource' | 'putSource'> {
  const { time } = cluster;
  const refusedIfCut = () => {
    if (machine.isCut || cluster.controller === undefined) throw new Error('connection refused');
    return cluster.controller;
  };
  return {
    async *fetchSource(digest, signal) {
      if (!refusedIfCut().core.dispatch.canFetch(machine.id as NodeId, digest)) throw new Error('permission denied');
      const packed = cluster.sources.read(digest);
      if (packed === undefined) {
        cluster.violation(`${machine.name} is given the source ${digest}, which is not kept`);
        throw new Error('not found');
      }
      if (cluster.git !== undefined) machine.unpacking.begins(signal, life);
      yield packed;
    },
    async putSource(header, data, signal) {
      await time.sleep(latencyMs());
      const process = refusedIfCut();
      const body = data === undefined ? undefined : new PassThrough();
      body?.on('error', () => undefined);
      const lost = Promise.withResolvers<never>();
      lost.promise.catch(() => undefined);
      const end = (reason: Error) => {
        body?.destroy(reason);
        lost.reject(reason);
      };
      const aborted = () => end(new Error('cancelled'));
      signal.addEventListener('abort', aborted, { once: true });
      const deaths = [process.life.atDeath(() => end(new Error('connection lost'))), life.atDeath(() => end(new Error('it is gone')))];
      const answer = new Promise<Awaited<ReturnType<typeof process.core.services.agents.takeFetched>>>((resolve) => {
        process.life.run(() => void process.core.services.agents.takeFetched(machine.id as NodeId, header, body).then(resolve, end));
      });
      try {
        if (data !== undefined && body !== undefined)
          for await (const part of data) {
            await time.sleep(latencyMs());
            if (machine.isCut) end(new Error('connection lost'));
            body.write(part);
          }
        body?.end();
        const taken = await Promise.race([answer, lost.promise]);
        await time.sleep(latencyMs());
        // What the controller has taken, the node does not know.
        if (machine.isCut || process.life.isDead) throw new Error('connection lost');
        if (!taken.ok) return { refusal: taken.refusal.message, source: null, sameAs: '' };
        const { built, sameAs = '' } = taken.value;
        return { refusal: '', source: { spec: agentSpec(built), digest: built.digest }, sameAs };
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)));
        throw error;
      } finally {
        signal.removeEventListener('abort', aborted);
        for (const death of deaths) death.cancel();
      }
    },
  };
}
