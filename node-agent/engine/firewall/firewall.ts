import type { Clock, Timer } from '../../../seams/clock.ts';
import type { Log } from '../../../seams/log.ts';
import { messageOf } from '../../../seams/message-of.ts';
import { type Counter, type Metrics, silentMetrics } from '../../../seams/metrics.ts';
import type { Conditions } from '../../conditions.ts';
import type { FirewallPlan } from '../../domain/firewall-rules.ts';
import { droppedIn } from '../../domain/flow-bounds.ts';
import type { NetworkGuard } from '../docker/driver-deps.ts';
import type { showBridgedPackets } from './bridge-netfilter.ts';
import type { Filter } from './filter.ts';
import { IptablesFilter } from './iptables-filter.ts';
import { alone } from './lock.ts';
import { NftFilter } from './nft-filter.ts';
import type { WatchRules } from './nft-monitor.ts';
import { type RunProgram, runProgram } from './programs.ts';

/**
 * Interval of checks if the kernel does not report changes. Removed rules are back within twice
 * this.
 */
const LOOK_EVERY_MS = 1_000;
/**
 * The interval if the kernel reports changes. Each check starts a program, and starting one from a
 * large process slows the process down for a moment.
 */
const LOOK_WATCHED_EVERY_MS = 20_000;

export interface FirewallDeps {
  readonly plan: Omit<FirewallPlan, 'resolvers'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly conditions?: Pick<Conditions, 'raise' | 'clear'>;
  readonly metrics?: Metrics;
  readonly run?: RunProgram;
  /** The addresses of the sessions' name servers, read at each check of the rules. */
  readonly resolvers?: () => Promise<readonly string[]>;
  /** Reports changes of the rules as soon as the kernel does. */
  readonly watch?: WatchRules;
  readonly bridged?: typeof showBridgedPackets;
}

/**
 * Blocks traffic from the sessions' bridge to this machine and to everything that is not public.
 * Leaves the rules of others alone.
 *
 * 1. It uses nftables if that works on the host. Otherwise it uses iptables and raises a condition.
 * 2. From the first `apply` until `close` it checks the rules from time to time and whenever the
 *    kernel reports a change, or every second if the kernel reports none. It restores incomplete
 *    rules, and updates them when the name servers change.
 * 3. All node agents of a machine share the rules, and change them one at a time.
 */
export class Firewall implements NetworkGuard {
  readonly #deps: FirewallDeps;
  readonly #nft: Filter;
  readonly #iptables: Filter;
  readonly #restored: Counter;
  readonly #dropped: Counter<'bound'>;
  /** Packets dropped by each bound as of the last check. */
  #droppedBefore: ReadonlyMap<string, number> = new Map();
  #watching: ReturnType<WatchRules> | undefined;
  #resolvers: readonly string[] = [];
  #unbounded = false;
  #looking = false;
  /** Whether something changed during the current check. */
  #again = false;
  #filter: Filter | undefined;
  #look: Timer | undefined;
  #failure = '';
  #closed = false;

  constructor(deps: FirewallDeps) {
    this.#deps = deps;
    const { plan, run = runProgram, metrics = silentMetrics } = deps;
    this.#nft = new NftFilter(plan.table, run, (listed) => this.#count(listed));
    this.#iptables = new IptablesFilter(plan.bridge, plan.chains, run);
    this.#restored = metrics.counter({
      name: 'node_firewall_restored_total',
      help: 'Times that incomplete rules were restored.',
    });
    this.#dropped = metrics.counter({
      name: 'node_session_packets_dropped_total',
      help: 'Packets of sessions that were dropped, by the bound that they exceeded, of all node agents of the host.',
      labels: ['bound'],
    });
  }

  async apply(): Promise<void> {
    await this.#alone(() => this.#apply());
    this.#watching ??= this.#deps.watch?.(this.#deps.plan.table, () => this.#lookSoon());
    this.#lookLater();
  }

  /** Removes the rules. Other node agents of this machine that need them restore them. */
  async remove(): Promise<void> {
    this.#look?.cancel();
    this.#look = undefined;
    this.#unwatch();
    await this.#alone(async () => {
      await this.#nft.remove();
      await this.#iptables.remove();
    });
  }

  /** Stops checking. The rules stay. */
  close(): void {
    this.#closed = true;
    this.#look?.cancel();
    this.#unwatch();
  }

  async #apply(): Promise<void> {
    const { conditions, log, bridged } = this.#deps;
    this.#resolvers = (await this.#deps.resolvers?.()) ?? [];
    const plan = { ...this.#deps.plan, resolvers: this.#resolvers };
    await this.#showBridged(bridged);
    if (this.#filter === undefined) {
      try {
        await this.#applyTo(this.#nft, plan);
        // Removes iptables rules of an earlier version, or from before nftables worked.
        await this.#iptables.remove();
        this.#filter = this.#nft;
        conditions?.clear('FirewallByIptables');
        return;
      } catch (error) {
        const problem = messageOf(error);
        log.warn('firewall.no_nftables', { error: problem });
        conditions?.raise({
          type: 'FirewallByIptables',
          message: `nftables does not work on this host (${problem}), so sessions are isolated by iptables: flushing its rules opens their network for up to two seconds. Install nftables.`,
          unschedulable: false,
        });
        this.#filter = this.#iptables;
      }
    }
    await this.#applyTo(this.#filter, plan);
  }

  /** Applies the rules with the sessions' bounds, or without them on a kernel that cannot count. */
  async #applyTo(filter: Filter, plan: FirewallPlan): Promise<void> {
    const { conditions, log } = this.#deps;
    this.#droppedBefore = new Map();
    if (plan.flows === undefined || this.#unbounded) return filter.apply({ ...plan, flows: undefined });
    try {
      await filter.apply(plan);
      conditions?.clear('FlowsUnbounded');
    } catch (error) {
      await filter.apply({ ...plan, flows: undefined });
      this.#unbounded = true;
      const problem = messageOf(error);
      log.warn('firewall.no_flow_bounds', { error: problem });
      conditions?.raise({
        type: 'FlowsUnbounded',
        message: `The kernel of this host cannot count the connections of a session (${problem}), so one session can use up its connection table. Load the modules nft_connlimit and nft_limit.`,
        unschedulable: false,
      });
    }
  }

  /** Without this setting the rules do not see packets between sessions. */
  async #showBridged(bridged: typeof showBridgedPackets | undefined): Promise<void> {
    const found = await bridged?.();
    if (found === 'turned-on') this.#deps.log.warn('firewall.bridged_packets_shown', { bridge: this.#deps.plan.bridge });
    if (found === 'missing')
      this.#deps.conditions?.raise({
        type: 'BridgeUnfiltered',
        message:
          'The kernel of this host does not show packets between sessions to its packet filter, so sessions can reach each other. Load the module br_netfilter.',
        unschedulable: true,
      });
    else this.#deps.conditions?.clear('BridgeUnfiltered');
  }

  #count(listed: string): void {
    const dropped = droppedIn(listed);
    for (const [bound, packets] of dropped) {
      const before = this.#droppedBefore.get(bound) ?? 0;
      // A smaller number means that the table was replaced.
      this.#dropped.add(packets >= before ? packets - before : packets, { bound });
    }
    this.#droppedBefore = dropped;
  }

  #unwatch(): void {
    this.#watching?.close();
    this.#watching = undefined;
  }

  /** Runs the next check now, or after the current one. */
  #lookSoon(): void {
    this.#again = this.#looking;
    if (this.#looking || this.#closed || this.#look === undefined) return;
    this.#look.cancel();
    this.#look = this.#deps.clock.after(0, () => void this.#putRight());
  }

  #lookLater(everyMs = LOOK_EVERY_MS): void {
    if (this.#closed) return;
    this.#look?.cancel();
    this.#look = this.#deps.clock.after(everyMs, () => void this.#putRight());
  }

  async #putRight(): Promise<void> {
    const { log, conditions } = this.#deps;
    const look = this.#look;
    this.#looking = true;
    try {
      await this.#showBridged(this.#deps.bridged);
      const resolvers = (await this.#deps.resolvers?.()) ?? [];
      if (resolvers.join() !== this.#resolvers.join()) await this.#alone(() => this.#apply());
      if (this.#filter !== undefined && !(await this.#filter.isIntact())) {
        await this.#alone(async () => {
          // Another node agent can have restored them, and `remove` can have run meanwhile.
          if (this.#look === undefined || this.#closed || (await this.#filter?.isIntact())) return;
          await this.#apply();
          this.#restored.add();
          log.warn('firewall.restored', { bridge: this.#deps.plan.bridge });
        });
      }
      if (this.#failure !== '') conditions?.clear('FirewallOpen');
      this.#failure = '';
    } catch (error) {
      const failure = messageOf(error);
      if (failure !== this.#failure) {
        log.error('firewall.open', { error: failure });
        const message = `The firewall rules that isolate sessions are missing and cannot be restored, so running sessions can reach this host and its network: ${failure}. Fix the cause, or suspend the sessions; the rules are tried again every second.`;
        conditions?.raise({ type: 'FirewallOpen', message, unschedulable: true });
      }
      this.#failure = failure;
    }
    this.#looking = false;
    if (this.#look !== look) return;
    const isTold = this.#filter === this.#nft && this.#watching?.isAlive === true && this.#failure === '';
    this.#lookLater(isTold ? LOOK_WATCHED_EVERY_MS : LOOK_EVERY_MS);
    if (this.#again) this.#lookSoon();
    this.#again = false;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return alone(`firewall-${this.#deps.plan.table}`, work);
  }
}
