import type { PortView } from '../../../domain/ports/view.ts';
import type { Reads } from './reads.ts';

export const portView = ({ all }: Reads): PortView => ({
  portSharesOf: (session) => all('portShares', 'where session_id = ? order by port', session),
  portShares: (after, limit) => all('portShares', 'where id > ? order by id limit +?', after, limit),
});
