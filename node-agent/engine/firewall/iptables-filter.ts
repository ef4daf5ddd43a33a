import { type Chains, type FirewallPlan, firewallRules } from '../../domain/firewall-rules.ts';
import type { Filter } from './filter.ts';
import { type RunProgram, succeeds } from './programs.ts';

/** Seconds to wait for another process that is changing the rules. */
const WAIT = ['-w', '10'];

/**
 * Two chains of our own and a jump to each, for machines without nftables. Flushing INPUT or
 * DOCKER-USER removes the jumps until they are repaired.
 */
export class IptablesFilter implements Filter {
  readonly #bridge: string;
  readonly #chains: Chains;
  readonly #run: RunProgram;
  /** The chains as the kernel listed them after they were filled. */
  #filled: string | undefined;

  constructor(bridge: string, chains: Chains, run: RunProgram) {
    this.#bridge = bridge;
    this.#chains = chains;
    this.#run = run;
  }

  /** Fills the chains in one transaction, before anything jumps to them. */
  async apply(plan: FirewallPlan): Promise<void> {
    await this.#run('iptables-restore', [...WAIT, '--noflush'], firewallRules(plan));
    for (const [from, chain] of this.#jumps()) await this.#once('iptables', from, ['-i', this.#bridge, '-j', chain]);
    if (await this.#hasIpv6())
      for (const from of ['INPUT', 'FORWARD']) await this.#once('ip6tables', from, ['-i', this.#bridge, '-j', 'DROP']);
    this.#filled = await this.#list();
  }

  async isIntact(): Promise<boolean> {
    for (const [from, chain] of this.#jumps()) {
      const jump = ['-i', this.#bridge, '-j', chain];
      // The jump must come first: an accepting rule before it would bypass the chain.
      const rules = await this.#run('iptables', [...WAIT, '-S', from]).catch(() => '');
      const own = rules.split('\n').filter((rule) => rule.startsWith('-A'));
      if (!own.some((rule) => rule === `-A ${from} ${jump.join(' ')}`)) return false;
    }
    const listed = await this.#list().catch(() => undefined);
    return listed !== undefined && (this.#filled === undefined || listed === this.#filled);
  }

  async remove(): Promise<void> {
    for (const [from, chain] of this.#jumps()) {
      while (await succeeds(this.#run('iptables', [...WAIT, '-D', from, '-i', this.#bridge, '-j', chain])));
      await succeeds(this.#run('iptables', [...WAIT, '-F', chain]));
      await succeeds(this.#run('iptables', [...WAIT, '-X', chain]));
    }
    for (const from of ['INPUT', 'FORWARD'])
      while (await succeeds(this.#run('ip6tables', [...WAIT, '-D', from, '-i', this.#bridge, '-j', 'DROP'])));
    this.#filled = undefined;
  }

  async #once(program: string, from: string, jump: readonly string[]): Promise<void> {
    if (await succeeds(this.#run(program, [...WAIT, '-C', from, ...jump]))) return;
    await this.#run(program, [...WAIT, '-I', from, ...jump]);
  }

  async #list(): Promise<string> {
    const { input, forward } = this.#chains;
    const listed = await Promise.all([input, forward].map((chain) => this.#run('iptables', [...WAIT, '-S', chain])));
    return listed.join('\n');
  }

  /** A kernel without IPv6 passes none, and its ip6tables fails on everything. */
  #hasIpv6(): Promise<boolean> {
    return succeeds(this.#run('ip6tables', [...WAIT, '-S', 'FORWARD']));
  }

  #jumps() {
    const { input, forward } = this.#chains;
    return [
      ['INPUT', input],
      ['DOCKER-USER', forward],
    ] as const;
  }
}
