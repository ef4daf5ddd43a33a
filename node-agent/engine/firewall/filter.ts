import type { FirewallPlan } from '../../domain/firewall-rules.ts';

/** One way of filtering packets. */
export interface Filter {
  /** Puts all rules in force. Done twice it is there once. */
  apply(plan: FirewallPlan): Promise<void>;
  /** Whether what some node agent of this machine put in force is there, whole. */
  isIntact(): Promise<boolean>;
  remove(): Promise<void>;
}
