import type { Plant } from './plant.ts';

/** Faults in the collection of images. */
export const IMAGE_PLANTS = {
  'image of a session collected': {
    breaks: 'No image is removed that a session has, also a suspended one.',
    file: 'controller/domain/images/needed.ts',
    find: ' || view.hasSessionOfImage(image)',
    replace: '',
    foundBy: { test: 'tests/unit/controller/images/image-collection.test.ts' },
  },
  'newest image collected': {
    breaks: 'No image is removed from which new sessions start.',
    file: 'controller/domain/images/needed.ts',
    find: "return view.newestBuild(build.spaceId, 'completed')?.image === image;",
    replace: 'return false;',
    foundBy: { seed: 3 },
  },
  'images collected without a grace': {
    breaks: 'An image stays for a while after its last use.',
    file: 'controller/services/images/image-collection.ts',
    find: 'return this.#ageMs(row) >= this.#graceMs;',
    replace: 'return true;',
    foundBy: { test: 'tests/unit/controller/images/image-collection.test.ts' },
  },
  'manifest of a needed image collected': {
    breaks: 'A manifest stays while another image has the same one.',
    file: 'controller/services/images/image-collection.ts',
    find: "view.hasTwin(image) ? 'shared' : ",
    replace: '',
    foundBy: { test: 'tests/unit/controller/images/image-collection.test.ts' },
  },
  'image in use removed': {
    breaks: 'A node does not remove an image that one of its sessions, builds or moves uses.',
    file: 'node-agent/images/image-removals.ts',
    find: 'const outcome = isUsed(image)',
    replace: 'const outcome = false',
    foundBy: { test: 'tests/unit/node-agent/images/image-removals.test.ts' },
  },
} as const satisfies Readonly<Record<string, Plant>>;
