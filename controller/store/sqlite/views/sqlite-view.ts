import type Database from 'better-sqlite3';
import type { View } from '../../../domain/engine/view.ts';
import { accessView } from './access.ts';
import { agentView } from './agents.ts';
import { buildView } from './builds.ts';
import { historyView } from './events.ts';
import { imageView } from './images.ts';
import type { KnownRows } from './kept-rows.ts';
import { messageView, OF_MESSAGE } from './messages.ts';
import { nodeView } from './nodes.ts';
import { portView } from './ports.ts';
import { readsOf } from './reads.ts';
import { sandboxView } from './sandboxes.ts';
import { sessionView } from './sessions.ts';
import { slotView } from './slots.ts';
import { spaceView } from './spaces.ts';

/**
 * Returns a view of the applier's own transaction or of the last commit: `connection` is asked
 * before each read for the connection to use. `known` has the state of that connection.
 */
export function sqliteView(connection: () => Database.Database, known?: KnownRows): View {
  const reads = readsOf(connection);
  return {
    get(table, id) {
      const kept = known?.get(table, id);
      if (kept !== undefined) return kept;
      const row = table === 'queue' ? reads.one(table, OF_MESSAGE, id, id) : reads.one(table, 'where id = ?', id);
      if (row !== undefined) known?.keep(table, row);
      return row;
    },
    ...accessView(reads),
    ...spaceView(reads),
    ...agentView(reads),
    ...buildView(reads),
    ...imageView(reads),
    ...nodeView(reads),
    ...sessionView(reads),
    ...slotView(reads),
    ...sandboxView(reads),
    ...portView(reads),
    ...messageView(reads),
    ...historyView(reads),
  };
}
