import type { BuildObject } from '../../../../controller/contract/builds.ts';
import type { Watching } from '../../../../controller/services/events/watching.ts';
import { perhapsCancelBuild } from '../cancelling-builds.ts';
import type { Client } from '../client.ts';
import { FETCHED, type GitServer, REPOSITORY } from './git-server.ts';

const ROUNDS = 16;
const LOOK_MS = 250;
/** A follower of a build that is over has its end within this, if the controller lives. */
const END_WITHIN_MS = 30_000;

/** Pushes commits, deploys them, cancels builds and follows their logs, among all other work and faults. */
export class RepositoryUser {
  readonly #client: Client;
  readonly #git: GitServer;
  #isCreated = false;
  /** Logs that were followed to the end of their builds. */
  followed = 0;

  constructor(client: Client, git: GitServer) {
    this.#client = client;
    this.#git = git;
  }

  async run(): Promise<void> {
    const { random, cluster } = this.#client;
    const beside: Promise<void>[] = [];
    for (let left = ROUNDS; left > 0; left -= 1) {
      await cluster.time.sleep(random.mostlySmall(100, 12_000));
      if (random.chance(0.6)) await this.#git.push();
      const build = await this.#ask();
      if (build === undefined) continue;
      if (random.chance(0.3)) await perhapsCancelBuild(this.#client);
      if (random.chance(0.6)) beside.push(this.#follow(build));
      if (random.chance(0.4)) await this.#end(build);
    }
    await Promise.all(beside);
  }

  /** Asks for a build, in one of the ways that there are, and returns the newest one. */
  async #ask(): Promise<BuildObject | undefined> {
    const { random, cluster } = this.#client;
    if (!this.#isCreated) {
      const made = await this.#client.ask('create the agent', (services, caller) =>
        services.agents.create(caller, 'default', { name: FETCHED, source_repo: REPOSITORY, source_branch: 'main' }),
      );
      this.#isCreated = made !== 'lost' && (made.ok || made.refusal.code === 'CONFLICT');
      if (!this.#isCreated) return undefined;
    }
    if (random.chance(0.4)) {
      const force = random.chance(0.3);
      const floor = this.#git.length - 1;
      const built = await this.#client.ask('build', (services, caller) => services.builds.create(caller, 'default', { force }));
      if (built === 'lost' || !built.ok) return undefined;
      cluster.fetches?.asked(built.value.id, floor);
      return built.value;
    }
    const deployed = await this.#client.ask('deploy', (services, caller) => services.agents.deploy(caller, 'default', FETCHED));
    // A restore from before the agent was created.
    if (deployed !== 'lost' && !deployed.ok && deployed.refusal.code === 'NOT_FOUND') this.#isCreated = false;
    if (deployed === 'lost' || !deployed.ok) return undefined;
    const newest = await this.#client.ask('newest build', (services, caller) => services.builds.latest(caller, 'default'));
    return newest !== 'lost' && newest.ok ? newest.value : undefined;
  }

  /** Resolves when the build is over, or gone with a restore. */
  async #end({ id }: BuildObject): Promise<void> {
    const { cluster } = this.#client;
    while (isOpen(cluster.view.get('builds', id)?.status)) await cluster.time.sleep(LOOK_MS);
  }

  /** Reads all lines of a log, also over deaths of the controller. */
  async #follow(build: BuildObject): Promise<void> {
    const { cluster, random } = this.#client;
    const { time } = cluster;
    let read = 0;
    while (cluster.view.get('builds', build.id) !== undefined) {
      const process = cluster.controller;
      if (process === undefined) {
        await time.sleep(LOOK_MS);
        continue;
      }
      const { restores } = cluster;
      const over = Promise.withResolvers<'ended' | 'lost'>();
      const death = process.life.atDeath(() => over.resolve('lost'));
      const isSlow = random.chance(0.3);
      let watching: Watching | undefined;
      process.life.run(() => {
        const { services } = process.core;
        const caller = cluster.administrator(services);
        const found = caller && services.builds.followed(caller, 'default', build.id);
        if (caller === undefined || found?.ok !== true) return over.resolve('lost');
        let isFull = false;
        watching = services.builds.followLog(caller, found.value, read, {
          line: (_, number) => {
            if (number !== read + 1) this.#client.violation(`line ${number} of the log of ${build.id} follows ${read}`);
            if (isSlow && !isFull && random.chance(0.2)) {
              isFull = true;
              time.schedule(random.between(10, 3_000), () => process.life.run(() => watching?.resume()));
              return 'full';
            }
            isFull = false;
            read = number;
            return 'more';
          },
          end: ({ status }) => {
            if (isOpen(status) && !process.life.isDead && cluster.takesRequests)
              this.#client.violation(`the log of ${build.id} ends, and the build is ${status}`);
            over.resolve('ended');
          },
        });
      });
      void this.#end(build)
        .then(() => time.sleep(END_WITHIN_MS))
        .then(() => {
          over.resolve('lost');
          if (restores !== cluster.restores || process.life.isDead || process.life.isStopped || cluster.controller !== process) return;
          if (!isSlow && this.#isOpen.has(over.promise)) this.#client.violation(`the build ${build.id} is over, and its log has no end`);
        });
      this.#isOpen.add(over.promise);
      const how = await over.promise;
      this.#isOpen.delete(over.promise);
      death.cancel();
      // A controller that is stopped meanwhile would go on with it beside the next.
      process.life.run(() => watching?.close());
      if (restores !== cluster.restores) return;
      if (how === 'ended') {
        this.followed += 1;
        return;
      }
      await time.sleep(LOOK_MS);
    }
  }

  readonly #isOpen = new Set<Promise<unknown>>();
}

const isOpen = (status: string | undefined) => status === 'pending' || status === 'building';
