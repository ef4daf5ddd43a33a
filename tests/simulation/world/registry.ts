import { createHash } from 'node:crypto';
import type { ImageRegistry } from '../../../controller/services/images/open-images.ts';
import type { MoveOutcome, PullPlan, PushPlan } from '../../../node-agent/engine/driver.ts';
import type { HollowHost } from '../../hollow/hollow.ts';
import type { Cluster } from './cluster.ts';
import type { Life } from './life.ts';
import type { Machine } from './machine.ts';
import type { SeededRandom } from './random.ts';

type Image = NonNullable<Awaited<ReturnType<HollowHost['inspectImage']>>> & { readonly platform: string | undefined };

const LATE_MS = 20_000;
const DOWN_MS = 40_000;
const FAULTS_WITHIN_MS = 60_000;

/** The registry of some runs, and what goes wrong with it: it is away for a while, and loses images. Images come late. */
export class SimulatedRegistry {
  readonly #cluster: Cluster;
  readonly #random: SeededRandom;
  readonly #images = new Map<string, Image>();
  readonly #listeners = new Map<Life, () => void>();
  #isUp = true;
  #isHealed = false;

  /** Undefined in runs without one, in which images stay where they are. */
  static of(cluster: Cluster): SimulatedRegistry | undefined {
    const random = cluster.random.fork('registry');
    return random.chance(0.3) ? new SimulatedRegistry(cluster, random) : undefined;
  }

  private constructor(cluster: Cluster, random: SeededRandom) {
    this.#cluster = cluster;
    this.#random = random;
    for (let left = random.whole(2, 6); left > 0; left -= 1)
      cluster.time.schedule(random.between(1_000, FAULTS_WITHIN_MS), () => this.#isHealed || this.#strike());
  }

  /** As one life of a controller sees it. */
  forController(life: Life): ImageRegistry {
    const isUp = () => this.#isUp;
    return {
      get isUp() {
        return isUp();
      },
      onUp: (listener) => void this.#listeners.set(life, listener),
      removeManifest: async (repository, digest) => {
        await this.#late();
        if (!this.#isUp) throw new Error('the registry is away');
        this.#images.delete(`${repository}@${digest}`);
        return 'removed';
      },
      lacks: async (repository, digest) => {
        await this.#late();
        if (!this.#isUp) throw new Error('the registry is away');
        return !this.#images.has(`${repository}@${digest}`);
      },
      collect: () => undefined,
    };
  }

  async push({ id, isCut, host }: Machine, { image, repository, tag }: PushPlan): Promise<MoveOutcome> {
    await this.#late();
    const found = await host.inspectImage(image);
    if (found === undefined) return { ok: false, reason: 'no such image' };
    const controller = this.#reached(isCut);
    if (controller?.core.images?.grants.mayPush(id as never, repository, tag) !== true) return { ok: false, reason: 'denied' };
    const digest = `sha256:${createHash('sha256').update(`${found.id} ${host.facts?.platform}`).digest('hex')}`;
    this.#images.set(`${repository}@${digest}`, { ...found, platform: host.facts?.platform });
    controller.life.run(() => controller.core.images?.grants.pushed(id as never, repository, tag, digest));
    return { ok: true };
  }

  async pull({ id, name, isCut, host }: Machine, { image, repository, digest }: PullPlan): Promise<MoveOutcome> {
    await this.#late();
    const controller = this.#reached(isCut);
    if (controller?.core.images?.grants.mayPull(id as never, repository) !== true) return { ok: false, reason: 'denied' };
    const found = this.#images.get(`${repository}@${digest}`);
    if (found === undefined) {
      controller.life.run(() => controller.core.images?.grants.vanished(id as never, repository));
      return { ok: false, reason: 'manifest unknown' };
    }
    if (found.platform !== host.facts?.platform) this.#cluster.violation(`${name} pulls ${image} for ${found.platform}`);
    host.addImage(image, found);
    return { ok: true };
  }

  heal(): void {
    this.#isHealed = true;
    this.#set(true);
  }

  /**
   * No session ends for an image, however it was lost, unless a node that could have it was lost
   * too, or is of the release before this one and so cannot push it.
   */
  judge(): void {
    const { chronicle, machines, violation } = this.#cluster;
    if (chronicle.lostNodes.size > 0 || machines.some(({ agent }) => agent?.isPrevious === true)) return;
    for (const { id, desired, reason } of chronicle.sessions.values())
      if (desired === 'failed' && reason?.includes('image')) violation(`${id} failed for its image: ${reason}`);
  }

  /** The controller, if it can be reached through it now. */
  #reached(isCut: boolean) {
    const { controller } = this.#cluster;
    return this.#isUp && !isCut && controller !== undefined && !controller.life.isDead ? controller : undefined;
  }

  #late(): Promise<void> {
    return new Promise((resolve) => this.#cluster.time.schedule(this.#random.mostlySmall(10, LATE_MS), resolve));
  }

  #strike(): void {
    const { trace, machines, time, chronicle } = this.#cluster;
    const fault = this.#random.pick(['away', 'lost', 'all lost', 'pruned', 'pruned'] as const);
    trace.note('FAULT', `registry: ${fault}`);
    if (fault === 'away') {
      this.#set(false);
      time.schedule(this.#random.mostlySmall(500, DOWN_MS), () => this.#set(true));
    } else if (fault === 'lost') this.#images.delete(this.#random.pick([...this.#images.keys()]) ?? '');
    else if (fault === 'all lost') {
      this.#images.clear();
      chronicle.registryEmptied = true;
    } else {
      const machine = this.#random.pick(machines);
      if (machine !== undefined) chronicle.imagesPruned.add(machine.name);
      machine?.pruneImages();
    }
  }

  #set(isUp: boolean): void {
    if (this.#isUp === isUp) return;
    this.#isUp = isUp;
    if (isUp) for (const [life, listener] of this.#listeners) if (!life.isDead) life.run(listener);
  }
}
