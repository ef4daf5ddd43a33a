import { accepted } from '../../../controller/domain/engine/outcome.ts';
import { joinWith } from '../../../controller/services/nodes/join-service.ts';
import type { Book } from './book.ts';
import { Client } from './client.ts';
import type { Cluster } from './cluster.ts';
import { JOINED } from './joined.ts';
import { DISKS } from './label-rules.ts';

const WITHIN_MS = 40_000;
const MOST_MACHINES = 5;

/** A token as its creator got it. */
interface Token {
  readonly id: string;
  readonly secret: string;
}

/**
 * Machines that join some runs: with tokens of one or more uses that expire and are revoked, also
 * with wrong secrets, once too often, and under the name of another node.
 */
export class Joins {
  readonly #cluster: Cluster;
  readonly #operator: Client;
  #count = 0;

  constructor(cluster: Cluster, book: Book) {
    this.#cluster = cluster;
    this.#operator = new Client(cluster, book, 'joins');
  }

  /** Resolves once all have joined or were refused. */
  async run(): Promise<void> {
    const { random } = this.#operator;
    if (!random.chance(0.35)) return;
    await Promise.all(Array.from({ length: random.whole(1, 2) }, () => this.#invite(random.between(500, WITHIN_MS))));
  }

  /** Creates a token, and lets machines use it. */
  async #invite(delayMs: number): Promise<void> {
    const { time } = this.#cluster;
    await time.sleep(delayMs);
    const { random } = this.#operator;
    const uses = random.whole(1, 2);
    const input = { uses, expires_in_s: random.pick([4, 30, 3600]) ?? 30, labels: { disk: random.pick(DISKS) ?? '' } };
    const made = await this.#operator.ask('create a join token', ({ nodeTokens }, caller) => nodeTokens.create(caller, input));
    if (made === 'lost') return;
    if (!made.ok) return this.#operator.violation(`create a join token: ${made.refusal.code}`);
    const [id = '', secret = ''] = made.value.token.split(' ');
    const machines = Array.from({ length: uses + (random.chance(0.5) ? 1 : 0) }, () =>
      random.chance(0.6) ? random.mostlySmall(0, 12_000) : random.between(10_000, 20_000),
    );
    await Promise.all([
      ...machines.map((ms) => this.#join({ id, secret }, ms)),
      ...(random.chance(0.4) ? [this.#impostor({ id, secret }, random.mostlySmall(0, 12_000))] : []),
      ...(random.chance(0.25) ? [this.#revoke(id, random.mostlySmall(0, 12_000))] : []),
    ]);
  }

  async #join(token: Token, delayMs: number): Promise<void> {
    this.#count += 1;
    const name = `${JOINED}${this.#count}`;
    const key = `key of ${name}`;
    const cluster = this.#cluster;
    await cluster.time.sleep(delayMs);
    const { restores } = cluster;
    const excuse = cluster.auditors.tokens.excuse(token.id, key);
    const joined = await this.#operator.insist(`${name} joins`, () => this.#ask(token, name, key));
    if (joined === 'lost' || restores !== cluster.restores) return;
    if (joined.ok) {
      if (cluster.machines.length < MOST_MACHINES) cluster.addMachine({ ...joined.value, key });
      return;
    }
    // Others can have used it, or revoked it, meanwhile.
    const isDue = excuse === undefined && cluster.auditors.tokens.excuse(token.id, key) === undefined;
    if (isDue && joined.refusal.code !== 'UNAVAILABLE') this.#operator.violation(`${name} cannot join: ${joined.refusal.message}`);
  }

  /** A machine without the secret, and one with the name of a node. */
  async #impostor(token: Token, delayMs: number): Promise<void> {
    const { time, machines } = this.#cluster;
    await time.sleep(delayMs);
    const stolen = await this.#operator.ask('a stranger joins', () =>
      this.#ask({ ...token, secret: 'guessed' }, 'stranger', 'key of a stranger'),
    );
    if (stolen !== 'lost' && stolen.ok) this.#operator.violation('a machine joined with a guessed secret');
    const name = this.#operator.random.pick(machines)?.name ?? '';
    // The first of its keys is recorded when it connects.
    if (this.#cluster.view.nodeByName(name)?.keyHash == null) return;
    await this.#operator.ask(`another ${name} joins`, () => this.#ask(token, name, `another key of ${name}`));
  }

  async #revoke(id: string, delayMs: number): Promise<void> {
    await this.#cluster.time.sleep(delayMs);
    const answer = await this.#operator.ask('revoke a join token', ({ nodeTokens }, caller) => nodeTokens.revoke(caller, id));
    if (answer !== 'lost' && !answer.ok && answer.refusal.code !== 'NOT_FOUND')
      this.#operator.violation(`revoke a join token: ${answer.refusal.code}`);
  }

  /** As the join port does. */
  async #ask({ id, secret }: Token, nodeName: string, keyHash: string) {
    const core = this.#cluster.controller?.core;
    if (core === undefined) throw new Error('no controller is up within a request');
    const { applier, fleet } = core;
    const request = { tokenId: id, tokenSecret: secret, nodeName, keyHash, labels: {} };
    const joined = await joinWith({ applier, fleet, random: this.#operator.random }, request);
    return joined.ok ? accepted({ id: joined.value.id, name: nodeName, incarnation: joined.value.incarnation }) : joined;
  }
}
