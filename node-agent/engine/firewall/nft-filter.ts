import { createHash } from 'node:crypto';
import { type FirewallPlan, nftRules } from '../../domain/firewall-rules.ts';
import type { Filter } from './filter.ts';
import { type RunProgram, succeeds } from './programs.ts';

/**
 * An nftables table of our own, which `iptables -F`, reloads of ufw or firewalld and restarts of
 * Docker leave alone.
 *
 * An empty chain in it is named after the hash of everything else, as the kernel lists it. So any
 * node agent of the machine can tell whether the table is complete, even one that would fill it
 * differently.
 */
export class NftFilter implements Filter {
  readonly #table: string;
  readonly #run: RunProgram;
  readonly #listed: (text: string) => void;

  /** `listed` receives the table's listing at each check. */
  constructor(table: string, run: RunProgram, listed: (text: string) => void = () => undefined) {
    this.#listed = listed;
    this.#table = table;
    this.#run = run;
  }

  async apply(plan: FirewallPlan): Promise<void> {
    await this.#run('nft', ['-f', '-'], nftRules(plan));
    const { hash } = read(await this.#list());
    await this.#run('nft', ['add', 'chain', 'inet', this.#table, `${SEAL}${hash}`]);
  }

  async isIntact(): Promise<boolean> {
    const listed = await this.#list().catch(() => undefined);
    if (listed === undefined) return false;
    this.#listed(listed);
    const { hash, seal } = read(listed);
    return hash === seal;
  }

  async remove(): Promise<void> {
    await succeeds(this.#run('nft', ['delete', 'table', 'inet', this.#table]));
  }

  /** Lists the table without the kernel's per-session counters. */
  #list(): Promise<string> {
    return this.#run('nft', ['-t', 'list', 'table', 'inet', this.#table]);
  }
}

const SEAL = 'sealed_';

/** Returns the hash of a listed table without its seal, and the seal in it. */
function read(listed: string): { readonly hash: string; readonly seal: string | undefined } {
  const sealChain = /^\s*chain sealed_([0-9a-f]{16}) \{\s*\}\s*$/m;
  const rules = listed
    .replace(sealChain, '')
    .replaceAll(/counter packets \d+ bytes \d+/g, 'counter')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return {
    hash: createHash('sha256').update(rules.join('\n')).digest('hex').slice(0, 16),
    seal: sealChain.exec(listed)?.[1],
  };
}
