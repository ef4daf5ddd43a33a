import type { NodeRow } from './rows.ts';

/**
 * Returns the nodes that need a CA other than this one: their last certificate is of another, or
 * unknown. A node that is away counts, because it could not verify the controller when it returns.
 */
export const onOtherCa = <Node extends Pick<NodeRow, 'certificate'>>(nodes: readonly Node[], hash: string): readonly Node[] =>
  nodes.filter(({ certificate }) => certificate?.issuer !== hash);
