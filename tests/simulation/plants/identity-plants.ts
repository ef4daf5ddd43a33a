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
  'old CA dropped too early': {
    breaks: 'The old CA stays while a node depends on it.',
    file: 'controller/domain/nodes/certificate-authority.ts',
    find: 'certificate?.issuer !== hash',
    replace: 'certificate?.issuer === undefined',
    foundBy: { test: 'tests/unit/controller/nodes/ca-rotation-loop.test.ts' },
  },
} satisfies Readonly<Record<string, Plant>>;
