import type { SessionId } from '../../../../controller/domain/engine/ids.ts';
import { accepted } from '../../../../controller/domain/engine/outcome.ts';
import type { NewSandbox } from '../../../../controller/domain/sandboxes/new-sandbox.ts';
import type { Proof } from '../../../../controller/services/access/proof.ts';
import type { Services } from '../../../../controller/services/services.ts';
import type { Client } from '../client.ts';
import type { Life } from '../life.ts';
import { ACCOUNT } from '../store.ts';

const THINGS = 26;
/** Both kinds of tickets are valid for so long. */
const TICKET_MS = 30_000;
const SLACK_MS = 1_000;
const PORT = 8080;

const PROOF: Proof = { kind: 'token', tokenId: '', accountId: ACCOUNT, version: 0, expiresAtMs: Number.POSITIVE_INFINITY };

/** What one attempt to use a ticket gave, inside the controller. */
interface Redeemed {
  readonly life: Life | undefined;
  readonly atMs: number;
  /** The session that it is good for. */
  readonly session: string | undefined;
}

/** Gets tickets and uses each of them twice, lists ports and makes them public, and makes sandboxes with an end. */
export class Holder {
  readonly #client: Client;
  readonly #sandboxes: SessionId[] = [];

  constructor(client: Client) {
    this.#client = client;
  }

  async run(): Promise<void> {
    const { random, cluster } = this.#client;
    const open: Promise<void>[] = [];
    for (let at = 0; at < THINGS; at += 1) {
      await cluster.time.sleep(random.between(100, 4_000));
      const live = [...cluster.chronicle.sessions.values()].filter(({ desired }) => desired !== 'deleted');
      const id = random.pick(live)?.id as SessionId | undefined;
      const what = random.weighted({ ticket: 4, pass: 4, ports: 6, share: 4, sandbox: 4, setEnd: 4 });
      if (what === 'sandbox') await this.#sandbox();
      else if (what === 'setEnd') await this.#setEnd();
      else if (id !== undefined && what === 'ports') open.push(this.#ports(id));
      else if (id !== undefined && what === 'share') open.push(this.#share(id));
      else if (id !== undefined) open.push(this.#ticket(id, what === 'pass'));
    }
    await Promise.all(open);
  }

  /** As `POST /tickets`, or as a preview address for one browser. */
  async #ticket(id: SessionId, isPass: boolean): Promise<void> {
    const client = this.#client;
    const { cluster, random } = client;
    const issued: { ticket: string | null; life: Life | undefined; atMs: number }[] = [];
    const note = (ticket: string | null) => issued.push({ ticket, life: cluster.controller?.life, atMs: cluster.time.now });
    const use = random.pick(['attach', 'port'] as const) ?? 'port';
    if (isPass)
      await client.ask('a preview address', async (services, caller) => {
        const shared = await services.ports.share(caller, PROOF, id, PORT, {});
        if (shared.ok) note(shared.value.ticket);
        return shared;
      });
    else
      await client.ask('a ticket', (services, caller) => {
        const made = services.tickets.create(caller, PROOF, { for: use, session: id });
        if (made.ok) note(made.value.ticket);
        return made;
      });
    // Known only once, also if the answer was lost: nobody else can use it.
    const [one] = issued;
    if (one?.ticket == null) return;
    await cluster.time.sleep(random.chance(0.7) ? random.mostlySmall(0, 10_000) : random.between(TICKET_MS - 4_000, TICKET_MS + 10_000));
    const { ticket } = one;
    const redeemed: Redeemed[] = [];
    const redeem = ({ tickets, ports }: Services) => {
      if (isPass && ports.redeem(ticket, id, PORT + 1) !== undefined) client.violation(`a ticket for port ${PORT} admits to ${PORT + 1}`);
      const found = isPass ? ports.redeem(ticket, id, PORT) : tickets.redeem(ticket);
      redeemed.push({ life: cluster.controller?.life, atMs: cluster.time.now, session: found?.session });
      return accepted(undefined);
    };
    await Promise.all([client.ask('redeem', redeem), client.ask('redeem', redeem)]);
    this.#judge(id, one, redeemed);
  }

  #judge(id: SessionId, { life, atMs }: { life: Life | undefined; atMs: number }, redeemed: readonly Redeemed[]): void {
    const client = this.#client;
    const admitted = redeemed.filter(({ session }) => session !== undefined);
    if (admitted.length > 1) client.violation(`a ticket of ${id} was used ${admitted.length} times`);
    for (const one of admitted) {
      if (one.session !== id) client.violation(`a ticket of ${id} is good for ${one.session}`);
      if (one.life !== life) client.violation(`a ticket of ${id} outlives its controller`);
      if (one.atMs - atMs > TICKET_MS + SLACK_MS) client.violation(`a ticket of ${id} was used after ${Math.round(one.atMs - atMs)} ms`);
    }
    const [first] = redeemed;
    if (admitted.length === 0 && first !== undefined && first.life === life && first.atMs - atMs < TICKET_MS - SLACK_MS)
      client.violation(`a ticket of ${id} was refused after ${Math.round(first.atMs - atMs)} ms`);
  }

  async #ports(id: SessionId): Promise<void> {
    const { cluster } = this.#client;
    const leaving = new AbortController();
    const listed = await this.#client.ask('the ports', async ({ ports }, caller) => {
      const asked = { askedMs: cluster.time.now, wasUp: cluster.controller?.core.view.get('sessions', id)?.desired === 'running' };
      const found = await ports.list(caller, id, { standing: 'admin' }, leaving.signal);
      const numbers = found.ok ? found.value.flatMap(({ port, listening }) => (listening ? [port] : [])) : [];
      if (found.ok) cluster.auditors.uses.judgePorts(id, numbers, asked);
      return found;
    });
    if (listed === 'lost') leaving.abort();
  }

  async #share(id: SessionId): Promise<void> {
    const client = this.#client;
    const { random, cluster } = client;
    const port = PORT + random.whole(0, 2);
    const input = { public: true, expires_in_s: random.whole(10, 40) };
    await client.ask('a public port', (services, caller) => services.ports.share(caller, PROOF, id, port, input));
    if (!random.chance(0.3)) return;
    await cluster.time.sleep(random.between(0, 20_000));
    await client.ask('no public port', (services, caller) => services.ports.unshare(caller, id, port));
  }

  async #sandbox(): Promise<void> {
    const client = this.#client;
    const { random, book } = client;
    const sandbox: NewSandbox = {
      ...{ kind: 'sandbox', name: null, sourceId: null, template: 'base', holders: [], envs: '', autoResume: true },
      timeoutMs: random.whole(3_000, 60_000),
      onTimeout: random.pick(['kill', 'pause', 'suspend'] as const) ?? 'kill',
    };
    const name = client.fresh();
    const made = await client.ask('a sandbox', (services, caller) =>
      services.sessions.create(caller, { name }, undefined, undefined, sandbox),
    );
    if (made === 'lost' || !made.ok) return;
    book.session(made.value.id, true);
    this.#sandboxes.push(made.value.id as SessionId);
  }

  async #setEnd(): Promise<void> {
    const { random } = this.#client;
    const id = random.pick(this.#sandboxes);
    const forMs = random.whole(2_000, 40_000);
    if (id !== undefined) await this.#client.ask('another end', ({ sandboxes }, caller) => sandboxes.sandboxes.setEnd(caller, id, forMs));
  }
}
