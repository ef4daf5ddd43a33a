import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import type { ContainerCreateOptions } from 'dockerode';
import type { Disks } from '../../volumes/disks.ts';
import type { Outcome } from '../outcome.ts';
import type { CopyPlan, CopySeen } from '../volume-work.ts';
import { abortable, unless } from './client.ts';
import { copyName, diskMount, isCopyOf, type Owner, ownerFilter, sessionOfCopy } from './container.ts';
import { outcomeOf } from './outcomes.ts';

/**
 * Waits for a line, empties the target and copies the source into it, with owners, modes, times and
 * links, by reference where the file system can. It prints a line when everything was read, and
 * exits when it is flushed: a copy taken for whole survives a power cut.
 */
const SCRIPT = `set -e
read -r go
cd /to
rm -rf -- * .[!.]* ..?*
if [ -d /from-root ]; then cd /to-root && rm -rf -- * .[!.]* ..?*; fi
if cp --help 2>&1 | grep -q reflink; then how=--reflink=auto; else how=; fi
cp -a $how /from/. /to/
if [ -d /from-root ]; then cp -a $how /from-root/. /to-root/; fi
echo copied
sync -f /to 2>/dev/null || sync`;

const MEMORY_BYTES = 256 * 1024 * 1024;
const REASON_CHARACTERS = 300;
/** Exit codes above this come from a process killed by a signal. */
const SIGNALLED = 128;

export interface DockerCopierDeps {
  readonly docker: Docker;
  /** For calls that can be silent while nothing happens. */
  readonly streams: Docker;
  readonly owner: Owner;
  /** The control group of everything that this node runs; undefined if there is none. */
  cgroupParent?(): string | undefined;
  readonly disks: Pick<Disks, 'copiedFrom'>;
  /**
   * Returns the changes of a session's root, with which the copy begins too, and where they go.
   * Undefined: it has none of its own.
   */
  roots(from: string, to: string): Promise<{ readonly from: string; readonly to: string } | undefined>;
  /** Returns the path of the session's disk, ready to be mounted. */
  diskPath(sessionId: string): Promise<string>;
  /** Called when a copy no longer needs that session's disk. */
  released(sessionId: string): void;
}

/**
 * Copies volumes, each in a container without a network that sees only the two volumes. Its only
 * capabilities are those to change owners and modes of files.
 */
export class DockerCopier {
  readonly #deps: DockerCopierDeps;
  readonly #lines = new Map<string, Duplex>();

  constructor(deps: DockerCopierDeps) {
    this.#deps = deps;
  }

  async prepare(plan: CopyPlan, signal: AbortSignal): Promise<Outcome> {
    const { docker, owner, disks, diskPath } = this.#deps;
    const created = await outcomeOf(signal, async () => {
      const [from, to] = await Promise.all([diskPath(plan.from), diskPath(plan.sessionId)]);
      // Files in the copy keep their owner, which is recorded before any file exists.
      await disks.copiedFrom(plan.sessionId, plan.from);
      const roots = await this.#deps.roots(plan.from, plan.sessionId);
      await docker.createContainer(copierOptions(owner, plan, { from, to, roots }, this.#deps.cgroupParent?.()));
      return { ok: true };
    });
    if (!created.ok && created.why !== 'exists') return created;
    if (!created.ok && (await this.#inspect(plan.sessionId, signal)) === undefined) return created;
    return outcomeOf(signal, async () => {
      await unless([304], docker.getContainer(copyName(plan.sessionId)).start());
      return { ok: true };
    });
  }

  start(sessionId: string, read: () => void, signal: AbortSignal): Promise<Outcome> {
    const { streams } = this.#deps;
    return outcomeOf(signal, async () => {
      this.#hangUp(sessionId);
      const container = streams.getContainer(copyName(sessionId));
      const line = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
      this.#lines.set(sessionId, line as Duplex);
      line.on('error', () => undefined);
      line.once('data', () => read());
      line.write('go\n');
      return { ok: true };
    });
  }

  async observe(sessionId: string, signal: AbortSignal): Promise<CopySeen> {
    const found = await this.#inspect(sessionId, signal);
    if (found === undefined || found.State.Status === 'created') return { state: 'none' };
    const { Status, ExitCode } = found.State;
    if (Status === 'running' || Status === 'paused' || Status === 'restarting') return { state: 'alive' };
    if (ExitCode === 0) return { state: 'copied' };
    if (ExitCode > SIGNALLED)
      return { state: 'broken', passing: true, reason: `Copying the volume was interrupted (exit code ${ExitCode}).` };
    const container = this.#deps.docker.getContainer(copyName(sessionId));
    const said = await unless([404], abortable(signal, container.logs({ stdout: false, stderr: true, tail: 3 })));
    return { state: 'broken', passing: false, reason: `The volume could not be copied: ${lastLine(said) || `exit code ${ExitCode}`}` };
  }

  async end(sessionId: string, signal: AbortSignal): Promise<void> {
    this.#hangUp(sessionId);
    const found = await this.#inspect(sessionId, signal);
    if (found === undefined) return;
    const removal = this.#deps.docker.getContainer(found.Id).remove({ force: true, v: true });
    const removed = await unless(
      [404, 409],
      abortable(signal, removal).then(() => true),
    );
    // 409: an earlier call of ours that was cut off is already removing it. Until that ends, it can
    // still read.
    if (!removed) await unless([404], abortable(signal, this.#deps.streams.getContainer(found.Id).wait({ condition: 'removed' })));
    const from = found.Config.Labels['raworc.copy-from'];
    if (from !== undefined) this.#deps.released(from);
  }

  async list(signal: AbortSignal): Promise<readonly string[]> {
    const { docker, owner } = this.#deps;
    const filters = { label: [...ownerFilter(owner), 'raworc.copy'] };
    const found = await abortable(signal, docker.listContainers({ all: true, filters }));
    return found.flatMap(({ Labels }) => sessionOfCopy(owner, Labels) ?? []);
  }

  close(): void {
    for (const sessionId of [...this.#lines.keys()]) this.#hangUp(sessionId);
  }

  #hangUp(sessionId: string): void {
    this.#lines.get(sessionId)?.destroy();
    this.#lines.delete(sessionId);
  }

  async #inspect(sessionId: string, signal: AbortSignal) {
    const { docker, owner } = this.#deps;
    const found = await unless([404], abortable(signal, docker.getContainer(copyName(sessionId)).inspect()));
    return isCopyOf(owner, found?.Config.Labels, sessionId) ? found : undefined;
  }
}

interface CopiedPaths {
  readonly from: string;
  readonly to: string;
  readonly roots: { readonly from: string; readonly to: string } | undefined;
}

function copierOptions(
  owner: Owner,
  { sessionId, from, space, image }: CopyPlan,
  { from: fromPath, to: toPath, roots }: CopiedPaths,
  cgroupParent?: string,
): ContainerCreateOptions {
  return {
    name: copyName(sessionId),
    Image: image,
    User: '0',
    WorkingDir: '/',
    Entrypoint: ['/bin/sh', '-c', SCRIPT],
    Cmd: [],
    OpenStdin: true,
    StdinOnce: false,
    Labels: {
      'raworc.managed': 'true',
      'raworc.cluster': owner.clusterId,
      'raworc.node': owner.nodeId,
      'raworc.copy': sessionId,
      'raworc.copy-from': from,
      'raworc.space': space,
    },
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...(cgroupParent === undefined ? {} : { CgroupParent: cgroupParent }),
      Mounts: [
        ...[diskMount(fromPath, '/from', true), diskMount(toPath, '/to')],
        ...(roots === undefined ? [] : [diskMount(roots.from, '/from-root', true), diskMount(roots.to, '/to-root')]),
      ],
      NetworkMode: 'none',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      // SETFCAP: programs in a session's root can have capabilities.
      CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'SETFCAP'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      Init: true,
      PidsLimit: 64,
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
      RestartPolicy: { Name: 'no' },
    },
  };
}

/** The engine's frames have a header of 8 bytes; the last four are the length. */
function lastLine(frames: Buffer | undefined): string {
  let text = '';
  for (let at = 0; frames !== undefined && at + 8 <= frames.length; ) {
    const end = at + 8 + frames.readUInt32BE(at + 4);
    text += frames.toString('utf8', at + 8, end);
    at = end;
  }
  return text.trim().split('\n').at(-1)?.slice(0, REASON_CHARACTERS) ?? '';
}
