import { type Command, unchanged } from '../../engine/command.ts';
import { put } from '../../engine/mutation.ts';

/** Records that the registry has an image. The newest push counts. */
export function recordImage(image: string, repository: string, digest: string): Command<undefined> {
  return {
    name: 'record-image',
    decide({ now }) {
      return { mutations: [put('images', { id: image, repository, digest, pushedAt: now })], events: [], result: undefined };
    },
  };
}

/** Forgets an image that the registry has lost, unless it was pushed again meanwhile. */
export function forgetImage(image: string, digest: string): Command<undefined> {
  return {
    name: 'forget-image',
    decide({ view }) {
      if (view.get('images', image)?.digest !== digest) return unchanged(undefined);
      return { mutations: [{ kind: 'remove', table: 'images', id: image }], events: [], result: undefined };
    },
  };
}
