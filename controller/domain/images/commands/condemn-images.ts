import { type Command, unchanged } from '../../engine/command.ts';
import { type Mutation, put } from '../../engine/mutation.ts';
import { isImageNeeded, isOwnImage } from '../needed.ts';

/**
 * Condemns those of some images that nothing needs any more, and pardons those that something needs
 * again. Decided in order with whatever creates sessions and builds.
 */
export function judgeImages(images: readonly string[], baseImage: string): Command<undefined> {
  return {
    name: 'judge-images',
    decide({ view, now }) {
      const mutations = images.flatMap((image): Mutation[] => {
        const isCondemned = view.get('condemnedImages', image) !== undefined;
        if (isImageNeeded(view, image, baseImage)) return isCondemned ? [{ kind: 'remove', table: 'condemnedImages', id: image }] : [];
        return isCondemned || !isOwnImage(view, image) ? [] : [put('condemnedImages', { id: image, condemnedAt: now })];
      });
      return mutations.length === 0 ? unchanged(undefined) : { mutations, events: [], result: undefined };
    },
  };
}

/** Forgets condemned images that are nowhere any more. */
export function forgetCondemned(images: readonly string[]): Command<undefined> {
  return {
    name: 'forget-condemned',
    decide: () => ({
      mutations: images.map((id) => ({ kind: 'remove', table: 'condemnedImages', id })),
      events: [],
      result: undefined,
    }),
  };
}
