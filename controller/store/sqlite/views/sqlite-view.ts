import type Database from 'better-sqlite3';
import type { View } from '../../../domain/engine/view.ts';
import { accessView } from './access.ts';
import { agentView } from './agents.ts';
import { buildView } from './builds.ts';
import { historyView } from './events.ts';
import { imageView } from './images.ts';
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
 * before each read for the connection to use.
 */
export function sqliteView(connection: () => Database.Database): View {
  const reads = readsOf(connection);
  return {
    get: (table, id) => (table === 'queue' ? reads.one(table, OF_MESSAGE, id, id) : reads.one(table, 'where id = ?', id)),
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
