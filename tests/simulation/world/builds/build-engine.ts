import { buffer } from 'node:stream/consumers';
import type { BuildEngine, BuildOutcome, JobPlan } from '../../../../node-agent/engine/build-engine.ts';
import type { HollowHost } from '../../../hollow/hollow.ts';
import type { Life } from '../life.ts';
import type { SeededRandom } from '../random.ts';
import type { Surroundings } from '../surroundings.ts';
import type { BuildRoom } from './build-room.ts';
import type { GitServer } from './git-server.ts';
import { SimulatedJob } from './job.ts';
import type { Unpacking } from './unpacking.ts';

/** A call of the engine with its delays and faults. */
export type EngineCall = <T>(
  name: string,
  subject: string,
  signal: AbortSignal,
  effect: () => Promise<T>,
  failed?: (reason: string) => T,
) => Promise<T>;

export interface BuildEngineView {
  readonly around: Surroundings;
  readonly host: Pick<HollowHost, 'addImage'>;
  readonly life: Life;
  readonly machine: string;
  readonly random: SeededRandom;
  readonly room: BuildRoom;
  readonly git: GitServer;
  readonly unpacking: Unpacking;
}

const HANGS = 0.08;
const FAILS = 0.06;
/** More than a build can take, and than its node agent can be stopped in between. */
const LIMIT_MS = 14 * 60_000;

/** The engine's part of builds, for one process of a node agent: it fetches, stages and checks, and installs nothing. */
export function buildEngineFor(view: BuildEngineView, call: EngineCall): BuildEngine {
  const { around, host, life, machine, room, random, unpacking } = view;
  const { time, auditors } = around;
  const done = new Map<string, () => void>();
  const finished = (imageId: string) => {
    done.get(imageId)?.();
    done.delete(imageId);
  };
  const discard = async (imageId: string) => {
    finished(imageId);
    if (!life.isDead) room.unnamed.delete(imageId);
  };
  sweep();
  return {
    npmVersion: '',
    marks: {},
    takesDockerfiles: false,
    baseImage: async () => ({ ok: false, reason: 'it is not allowed' }),
    async start(plan, signal) {
      const id = room.next();
      const close = async () => {
        signal.removeEventListener('abort', stop);
        if (!life.isDead) room.jobs.delete(id);
        job.gone(new Error('it was removed'));
      };
      const job = new SimulatedJob(life, close);
      const stop = () => {
        job.gone(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
        void close();
      };
      try {
        await call('startJob', '', signal, async () => {
          if (life.isDead || signal.aborted) return;
          room.jobs.set(id, { owner: life, end: (reason) => job.gone(reason) });
        });
        time.schedule(LIMIT_MS, () => {
          if (room.jobs.has(id) && !life.isDead && !life.isStopped)
            around.violation(`${machine} has job ${id} of ${plan.buildId} for ever`);
        });
      } catch (error) {
        await close();
        throw error;
      }
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
      else void runJob(view, id, plan, job);
      return job;
    },
    async stage({ context }, signal) {
      unpacking.staged();
      const imageId = `sha256:made-on-${machine}-${room.next()}`;
      const packed = await time.hold(buffer(context));
      const labels = labelsIn(packed);
      done.set(imageId, auditors.builds.begins(labels['raworc.build'] ?? '', machine, life));
      const failed = (reason: string): BuildOutcome => ({ ok: false, reason });
      const effect = async (): Promise<BuildOutcome> => {
        if (!life.isDead && !signal.aborted) room.unnamed.set(imageId, labels);
        return { ok: true, imageId };
      };
      try {
        const built = await call('stage', '', signal, effect, failed);
        if (!built.ok) finished(imageId);
        return built;
      } catch (error) {
        finished(imageId);
        throw error;
      }
    },
    discard,
    async name(imageId, image, signal) {
      try {
        await call('nameImage', '', signal, async () => {
          const labels = room.unnamed.get(imageId);
          if (life.isDead || labels === undefined) return;
          room.unnamed.delete(imageId);
          host.addImage(image, { id: imageId, labels });
        });
      } finally {
        finished(imageId);
      }
    },
    keepBuilder: async () => undefined,
    stageWith: async () => undefined,
    stages: async () => [],
    tidy: (signal) =>
      call('tidy', '', signal, async () => {
        if ([...room.jobs.values()].some(({ owner }) => owner === life)) around.violation(`${machine} tidies up during a build`);
        const { size } = room.unnamed;
        if (!life.isDead) room.unnamed.clear();
        room.isUntidy = false;
        return size;
      }),
    sweep: async () => sweep(),
  };

  /** Removes what an earlier process left. */
  function sweep(): void {
    room.endJobs(new Error('it was swept away'));
    room.unnamed.clear();
  }

  function labelsIn(packed: Buffer): Readonly<Record<string, string>> {
    const line = /^LABEL (.*)$/m.exec(packed.toString('latin1'))?.[1] ?? '';
    return Object.fromEntries(
      [...line.matchAll(/(\S+?)=("(?:[^"\\]|\\.)*")/g)].map(([, name = '', value = '""']) => [name, String(JSON.parse(value))]),
    );
  }

  async function runJob({ git }: BuildEngineView, id: number, plan: JobPlan, job: SimulatedJob): Promise<void> {
    const own = random.fork(`job ${id}`);
    let printed = 0;
    const print = async (lines: number) => {
      for (let left = lines; left > 0 && !job.isOver; left -= 1) {
        await time.sleep(own.mostlySmall(1, 900));
        if (job.isOver) return;
        printed += 1;
        const text = `job ${id} of ${machine} line ${printed} of ${plan.buildId}\n`;
        life.run(() => plan.print?.(Buffer.from(text)));
      }
    };
    await print(own.whole(1, 6));
    const known = plan.environment.RAWORC_KNOWN_COMMIT;
    if (known !== undefined) {
      if (!(await git.answers())) return job.exit(128, 'fatal: unable to access it: Failed to connect');
      const { hash, archive } = git.head;
      if (hash === known) job.write(Buffer.from(`known ${hash}\n`));
      else {
        job.write(Buffer.from(`fetched ${hash}\n`));
        const until = own.chance(FAILS) ? own.whole(1, archive.byteLength - 1) : archive.byteLength;
        for (let at = 0; at < until; at += 40) {
          await time.sleep(own.mostlySmall(1, 300));
          job.write(archive.subarray(at, Math.min(until, at + 40)));
        }
        // An archive that was cut off is no source.
        if (until < archive.byteLength) return job.exit(128, 'fatal: the remote end hung up unexpectedly');
      }
      return job.exit(0);
    }
    // The worker that loads a handler never ends, until the limit of the build.
    if (own.chance(HANGS)) await git.hang();
    const agents: readonly { readonly name: string }[] = JSON.parse((await buffer(plan.input)).toString());
    const outcome = own.chance(FAILS) ? 'failed' : 'loaded';
    await print(own.whole(0, 3));
    job.write(Buffer.from(JSON.stringify(agents.map(({ name }) => ({ agent: name, outcome, message: '', output: '' })))));
    job.exit(0);
  }
}
