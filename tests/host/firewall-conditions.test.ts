/** What a node says when the rules that isolate its sessions are missing. The packet filter is played. */
import t from 'tap';
import { Conditions } from '../../node-agent/conditions.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import type { RunProgram } from '../../node-agent/engine/firewall/programs.ts';
import { systemClock } from '../../seams/system.ts';
import { silent } from '../unit/controller/core.ts';

const PLAN = { bridge: 'played', table: 'played', chains: { input: 'P-IN', forward: 'P-FWD' }, closed: [], allowed: [] };

/** nftables with one table, which can be lost. */
class PlayedFilter {
  isBroken = false;
  #hasTable = false;
  #seal: string | undefined;
  readonly run: RunProgram = async (program, args) => {
    if (program !== 'nft' || this.isBroken) throw new Error(`${program}: the kernel refuses`);
    if (args[0] === '-f') [this.#hasTable, this.#seal] = [true, undefined];
    if (args[0] === 'add') this.#seal = args.at(-1);
    if (!this.#hasTable) throw new Error('no such table');
    return `table inet played {\n${this.#seal === undefined ? '' : `chain ${this.#seal} {\n}\n`}}`;
  };

  lose(): void {
    this.#hasTable = false;
  }
}

function world(bridged: () => 'on' | 'missing' = () => 'on') {
  const filter = new PlayedFilter();
  const conditions = new Conditions(systemClock, silent);
  const raised = () =>
    conditions
      .all()
      .map(({ type }) => type)
      .join();
  /** Resolves once these conditions are raised, and no others. */
  const until = (...types: readonly string[]) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (raised() === types.join()) resolve();
      };
      conditions.onChange(look);
      look();
    });
  const { run } = filter;
  const firewall = new Firewall({ plan: PLAN, clock: systemClock, log: silent, conditions, run, bridged: async () => bridged() });
  return { filter, firewall, conditions, until };
}

t.test('rules that are missing and cannot be restored close the node to new sessions, until they are back', async (t) => {
  const { filter, firewall, conditions, until } = world();
  t.teardown(() => firewall.close());
  await firewall.apply();
  t.same(conditions.all(), []);
  filter.lose();
  filter.isBroken = true;
  await until('FirewallOpen');
  t.match(conditions.unschedulable(), /rules that isolate sessions are missing and cannot be restored.*the kernel refuses/);
  filter.isBroken = false;
  await until();
  t.equal(conditions.unschedulable(), undefined);
});

t.test('a kernel that shows no bridged packets closes the node to new sessions, until it does', async (t) => {
  let found: 'on' | 'missing' = 'missing';
  const { firewall, conditions, until } = world(() => found);
  t.teardown(() => firewall.close());
  await firewall.apply();
  await until('BridgeUnfiltered');
  t.match(conditions.unschedulable(), /sessions can reach each other\. Load the module br_netfilter/);
  found = 'on';
  await until();
  t.equal(conditions.unschedulable(), undefined);
});
