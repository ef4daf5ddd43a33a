import type { View } from '../../../../controller/domain/engine/view.ts';

/** A view whose reads are counted: how many `work` made. */
export function countedView(counted: View): { readonly view: View; countReads<T>(work: () => T): [T, number] } {
  let reads = 0;
  const view = new Proxy(counted, {
    get(target: View, name: keyof View) {
      reads++;
      return target[name];
    },
  });
  return {
    view,
    countReads(work) {
      reads = 0;
      return [work(), reads];
    },
  };
}
