import type { Plant } from './plant.ts';

const FENCE = 'tests/unit/controller/nodes/identity-fence.test.ts';

/** Faults in what keeps copies of a node, and outdated certificates, away. */
export const IDENTITY_PLANTS = {
  'copy after the lease': {
    breaks: 'A copy on another machine does not take the place of an absent node before that is lost.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: 'if (last === undefined) return proceed();',
    replace: 'if (last !== null) return proceed();',
    foundBy: { test: FENCE },
  },
  'place kept for ever': {
    breaks: 'A machine that replaces a lost one gets its place.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: 'last.isLost || ',
    replace: '',
    foundBy: { test: FENCE },
  },
  'copies that alternate': {
    breaks: 'Two copies of a running machine do not replace each other for ever.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: 'return stream.host === holder.host && !isAgain;',
    replace: 'return true;',
    foundBy: { test: FENCE },
  },
  'copy beside its node': {
    breaks: 'A process on another machine does not replace a node that is connected.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: 'if (stream.incarnation > holder.incarnation || this.#replacesItself(stream, holder)) return proceed();',
    replace: 'return proceed();',
    foundBy: { seed: 5 },
  },
  'copy of an absent node': {
    breaks: 'The place of a node that is away is kept for its machine.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: "!last.machine || stream.machine === '' || isSamePlace(stream, last)) return undefined;",
    replace: "!last.machine || stream.machine !== '' || isSamePlace(stream, last)) return undefined;",
    foundBy: { seed: 8 },
  },
  'copy refused in silence': {
    breaks: 'A copy raises an alarm.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: 'this.#deps.alarms?.raise(holder.nodeId, alarm);',
    replace: '',
    foundBy: { seed: 39 },
  },
  'copy not named': {
    breaks: 'The alarm names both machines.',
    file: 'controller/services/fleet/identity-fence.ts',
    find: 'identityAlarm(holder.name, holder.host, claim.stream.host)',
    replace: 'identityAlarm(holder.name, holder.host, undefined)',
    foundBy: { seed: 39 },
  },
  'old CA dropped too early': {
    breaks: 'The old CA stays while a node depends on it.',
    file: 'controller/domain/nodes/certificate-authority.ts',
    find: 'certificate?.issuer !== hash',
    replace: 'certificate?.issuer === undefined',
    foundBy: { test: 'tests/unit/controller/nodes/ca-rotation-loop.test.ts' },
  },
} satisfies Readonly<Record<string, Plant>>;
