import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import type { SessionFact } from '../book.ts';
import type { Client, Work } from '../client.ts';
import { COMMANDS } from '../commands.ts';
import { isSpaceFull } from '../spaces.ts';
import { SPACES } from '../store.ts';

const ROUNDS = 40;
const PAGE = { limit: 1000, offset: 0 } as const;

/** Creates sessions that can take slots, changes how many there are, and looks for those that nobody has taken. */
export class SlotUser {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async run(): Promise<void> {
    const { random, cluster } = this.#client;
    for (let left = ROUNDS; left > 0; left -= 1) {
      await cluster.time.sleep(random.mostlySmall(50, 9_000));
      // The release before this one has no slots.
      if (cluster.controller?.isPrevious === true) continue;
      const how = random.weighted({ create: 12, pry: 8, settings: 3 });
      if (how === 'create') await this.#create();
      else if (how === 'pry') await this.#pry();
      else await this.#settings();
    }
  }

  /** Some at once, as they take slots from one another. */
  async #create(): Promise<void> {
    const { random, cluster, book } = this.#client;
    const names = Array.from({ length: random.pick([1, 1, 2, 3]) ?? 1 }, () => this.#client.fresh());
    const space = random.pick(SPACES)?.name ?? '';
    const { restores } = cluster;
    const made = await this.#client.ask(`create ${names.length} in ${space}`, async ({ sessions }, caller) =>
      accepted(await Promise.all(names.map((name) => sessions.create(caller, { name, space })))),
    );
    if (made === 'lost' || !made.ok || restores !== cluster.restores) return;
    for (const one of made.value) {
      if (!one.ok && one.refusal.code !== 'UNAVAILABLE' && !isSpaceFull(one.refusal)) this.#client.violation(`create: ${one.refusal.code}`);
    }
    const ids = made.value.flatMap((one) => (one.ok ? [one.value.id] : []));
    if (new Set(ids).size < ids.length) this.#client.violation(`two sessions have one id: ${ids.join(', ')}`);
    // A restore can make the book forget them meanwhile.
    for (const session of ids.map((id) => book.session(id, false))) await this.#use(session);
  }

  /** Most go again, some at once, so that there is room for more. */
  async #use(session: SessionFact): Promise<void> {
    const { random, cluster } = this.#client;
    if (random.chance(0.4)) await COMMANDS.chat(this.#client, session);
    if (random.chance(0.3)) return;
    if (random.chance(0.6)) await cluster.time.sleep(random.mostlySmall(0, 5_000));
    if (session.deletion === 'none' && !session.isForgotten) await COMMANDS.remove(this.#client, session);
  }

  /** Nothing can be done with a slot, as if it did not exist. */
  async #pry(): Promise<void> {
    const { random, cluster } = this.#client;
    const id = random.pick([...cluster.auditors.slots.rows.keys()]) as SessionId | undefined;
    if (id === undefined) return;
    const how = random.pick(['get', 'read', 'count', 'post', 'pause', 'list'] as const) ?? 'get';
    if (how === 'list') return this.#list();
    const works: Readonly<Record<typeof how, Work<unknown>>> = {
      get: ({ sessions }, caller) => sessions.get(caller, id),
      read: ({ messages }, caller) => messages.list(caller, id, {}, PAGE),
      count: ({ messages }, caller) => messages.count(caller, id, {}),
      post: ({ messages }, caller) => messages.post(caller, id, { content: this.#client.fresh(), metadata: { agent: 'once' } }),
      pause: ({ sessions }, caller) => sessions.change(caller, id, 'pause', { force: false }),
    };
    const answer = await this.#client.ask(`${how} the slot ${id}`, works[how]);
    if (answer === 'lost' || (!answer.ok && ['NOT_FOUND', 'UNAVAILABLE', 'RATE_LIMITED'].includes(answer.refusal.code))) return;
    // Somebody took it meanwhile.
    if (cluster.chronicle.sessions.has(id)) return;
    this.#client.violation(`${how} of the slot ${id} was answered ${answer.ok ? 'OK' : answer.refusal.code}`);
  }

  async #list(): Promise<void> {
    const { cluster } = this.#client;
    const found = await this.#client.ask('list', ({ sessions }, caller) => sessions.list(caller, {}, PAGE));
    if (found === 'lost' || !found.ok) return;
    for (const id of cluster.auditors.slots.rows.keys())
      if (found.value.items.some(({ text }) => text.includes(id))) this.#client.violation(`the slot ${id} is listed`);
    const { view } = cluster;
    if (found.value.total !== found.value.items.length)
      this.#client.violation(`a list of ${found.value.items.length} of ${found.value.total}`);
    for (const { id, name } of SPACES) {
      const space = await this.#client.ask(`space ${name}`, ({ spaces }, caller) => spaces.get(caller, name));
      if (space !== 'lost' && !space.ok) this.#client.violation(`space ${name}: ${space.refusal.code} (${view.slotsIn(id).length} slots)`);
    }
  }

  async #settings(): Promise<void> {
    const { random, cluster } = this.#client;
    const space = random.pick(SPACES) ?? SPACES[0];
    const { slots: _before, ...others } = cluster.view.get('spaces', space.id)?.settings ?? {};
    const slots = {
      ...(random.chance(0.7) ? { max: random.whole(0, 4) } : {}),
      ...(random.chance(0.6) ? { min: random.whole(0, 3) } : {}),
      ...(random.chance(0.2) ? { profile: random.pick(['locked', 'workstation'] as const) ?? 'locked' } : {}),
      ...(random.chance(0.5) ? { headroom: random.pick([0, 0.1, 0.5]) ?? 0 } : {}),
    };
    const settings = random.chance(0.2) ? others : { ...others, slots };
    const changed = await this.#client.insist(`slots of ${space.name}`, ({ spaces }, caller) =>
      spaces.update(caller, space.name, { settings }),
    );
    if (changed !== 'lost' && !changed.ok)
      this.#client.violation(`slots of ${space.name}: ${changed.refusal.code} ${changed.refusal.message}`);
  }
}
