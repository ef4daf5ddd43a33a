import type { SandboxView } from '../../../domain/sandboxes/view.ts';
import type { Reads } from './reads.ts';

export const sandboxView = ({ all }: Reads): SandboxView => ({
  sandboxesAfter: (after, limit) => all('sandboxes', 'where id > ? order by id limit +?', after, limit),
});
