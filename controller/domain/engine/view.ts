import type { AccessView } from '../access/view.ts';
import type { AgentView } from '../agents/view.ts';
import type { BuildView } from '../builds/view.ts';
import type { HistoryView } from '../events/view.ts';
import type { ImageView } from '../images/view.ts';
import type { MessageView } from '../messages/view.ts';
import type { NodeView } from '../nodes/view.ts';
import type { PortView } from '../ports/view.ts';
import type { SandboxView } from '../sandboxes/view.ts';
import type { SessionView } from '../sessions/view.ts';
import type { SlotView } from '../slots/view.ts';
import type { SpaceView } from '../spaces/view.ts';
import type { TableName, Tables } from './mutation.ts';

/** Reads single rows by id. */
export interface RowView {
  get<Name extends TableName>(table: Name, id: string): Tables[Name] | undefined;
}

/**
 * The current rows, read synchronously: inside the applier's transaction, or as last committed.
 * Every query uses an index.
 */
export interface View
  extends RowView,
    AccessView,
    SpaceView,
    AgentView,
    BuildView,
    ImageView,
    NodeView,
    SessionView,
    SlotView,
    SandboxView,
    PortView,
    MessageView,
    HistoryView {}
