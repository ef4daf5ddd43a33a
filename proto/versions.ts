/** Versions of the node protocol: what this release speaks, and how two releases agree. */

/** Every version from `oldest` to `newest`. */
export interface Versions {
  readonly oldest: number;
  readonly newest: number;
}

/**
 * This release's own version and the one before it, so hosts are upgraded one at a time, in any
 * order. A change that an older peer could misread increments `newest`, and drops the version
 * before the last.
 *
 * 1. The first version.
 * 2. Peers name all versions that they speak. Images move through the registry.
 */
export const NODE_PROTOCOL: Versions = { oldest: 1, newest: 2 };

export const GUEST_PROTOCOL_VERSION = 1;

/**
 * Returns the versions of a hello or join request. Its first field is the oldest version, because
 * releases from before this negotiation compare it with the only one that they speak.
 */
export const versionsOf = (named: { readonly protocolVersion: number; readonly newestProtocolVersion: number }): Versions => ({
  oldest: named.protocolVersion,
  newest: Math.max(named.protocolVersion, named.newestProtocolVersion),
});

/** Returns the fields that name these versions. */
export const namedVersions = ({ oldest, newest }: Versions) => ({ protocolVersion: oldest, newestProtocolVersion: newest });

/** Returns the highest version that both speak, or undefined. */
export function commonVersion(one: Versions, other: Versions): number | undefined {
  const newest = Math.min(one.newest, other.newest);
  return newest >= Math.max(one.oldest, other.oldest) ? newest : undefined;
}

/** Says why the two cannot work together, and which of them to upgrade. */
export function versionGap(nodeAgent: Versions, controller: Versions): string {
  const side = nodeAgent.newest < controller.oldest ? 'node agent' : 'controller';
  return `The node agent speaks ${shown(nodeAgent)}, this controller ${shown(controller)}. Upgrade the ${side}.`;
}

export const shown = ({ oldest, newest }: Versions): string =>
  oldest === newest ? `protocol version ${oldest}` : `protocol versions ${oldest} to ${newest}`;
