/** Settings of the node port and the join port, from the environment. */
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { NO_RULES, type NodeRules, parseNodeRules } from '../domain/nodes/node-rules.ts';
import type { ConnectionBounds } from '../grpc/listener.ts';
import { JOIN_PORT, NODE_PORT } from '../grpc/node-server-options.ts';
import { BUILD_BOUNDS, type BuildBounds } from '../services/builds/dispatch-loop.ts';
import { type Environment, list } from './values.ts';

export interface NodeBoundSettings {
  readonly rules: NodeRules;
  readonly builds: BuildBounds;
  readonly nodeBounds: ConnectionBounds;
  readonly joinBounds: ConnectionBounds;
}

/** Throws an error that names the invalid variable. */
export function readNodeBounds(env: Environment): NodeBoundSettings {
  return {
    rules: readRules(env.RAWORC_NODE_RULES_FILE),
    builds: {
      ...BUILD_BOUNDS,
      perNode: count(env, 'RAWORC_BUILDS_PER_NODE', BUILD_BOUNDS.perNode),
      inAll: count(env, 'RAWORC_BUILDS', BUILD_BOUNDS.inAll),
    },
    nodeBounds: boundsOf(env, 'RAWORC_NODE', NODE_PORT),
    joinBounds: boundsOf(env, 'RAWORC_JOIN', JOIN_PORT),
  };
}

/** Returns the hosts in join tokens, to which a port can be added. @throws on an invalid one. */
export function advertised(env: Environment, nodeHost: string): readonly string[] {
  const isAny = nodeHost === '0.0.0.0' || nodeHost === '::';
  const hosts = list(env, 'RAWORC_ADVERTISE') ?? [isAny ? hostname() : nodeHost];
  return hosts.map((host) => {
    if (isIPv6(host)) return `[${host}]`;
    if (/^[\w.-]+$/.test(host) || (/^\[.*\]$/.test(host) && isIPv6(host.slice(1, -1)))) return host;
    throw new Error(`RAWORC_ADVERTISE must be a list of host names or addresses without ports, but contains "${host}"`);
  });
}

function readRules(path: string | undefined): NodeRules {
  if (path === undefined || path === '') return NO_RULES;
  try {
    return parseNodeRules(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Error(`RAWORC_NODE_RULES_FILE (${path}): ${error instanceof Error ? error.message : String(error)}`);
  }
}

function boundsOf(env: Environment, prefix: string, { rates, ...bounds }: ConnectionBounds): ConnectionBounds {
  const rate = (name: string, { perSecond, burst }: ConnectionBounds['rates']['inAll']) => {
    const most = count(env, `${prefix}_CONNECTS_PER_S${name}`, perSecond);
    return { perSecond: most, burst: (burst / perSecond) * most };
  };
  return {
    ...bounds,
    rates: { perAddress: rate('_AND_ADDRESS', rates.perAddress), inAll: rate('', rates.inAll) },
    perAddress: count(env, `${prefix}_CONNECTIONS_PER_ADDRESS`, bounds.perAddress),
    inAll: count(env, `${prefix}_CONNECTIONS`, bounds.inAll),
  };
}

export function count(env: Environment, name: string, otherwise: number): number {
  const value = env[name];
  if (value === undefined || value === '') return otherwise;
  if (!/^\d{1,9}$/.test(value) || Number(value) < 1) throw new Error(`${name} must be a positive integer, not "${value}"`);
  return Number(value);
}
