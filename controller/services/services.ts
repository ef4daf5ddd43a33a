import type { ServiceAccounts } from './access/account-service.ts';
import type { ApiKeys } from './access/api-key-service.ts';
import type { RoleBindings } from './access/binding-service.ts';
import type { Accounts } from './access/login-service.ts';
import type { RequestTickets } from './access/request-tickets.ts';
import type { Roles } from './access/role-service.ts';
import type { Agents } from './agents/agent-service.ts';
import type { Audit } from './audit/audit-service.ts';
import type { Builds } from './builds/build-service.ts';
import type { Exec } from './commands/exec-service.ts';
import type { ProcessService } from './commands/process-service.ts';
import type { Health } from './engine/health.ts';
import type { Events } from './events/event-service.ts';
import type { Files } from './files/file-service.ts';
import type { Logs } from './logs/log-service.ts';
import type { Messages } from './messages/message-service.ts';
import type { Nodes } from './nodes/node-service.ts';
import type { NodeTokens } from './nodes/node-token-service.ts';
import type { Orphans } from './nodes/orphan-service.ts';
import type { Ports } from './ports/port-service.ts';
import type { SandboxServices } from './sandboxes/open-sandboxes.ts';
import type { Sessions } from './sessions/session-service.ts';
import type { Secrets } from './spaces/secret-service.ts';
import type { Spaces } from './spaces/space-service.ts';

/**
 * The operations of the controller, for http/. Every method with a caller checks permissions
 * itself, and returns the API objects of contract/.
 */
export interface Services {
  readonly accounts: Accounts;
  readonly serviceAccounts: ServiceAccounts;
  readonly roles: Roles;
  readonly roleBindings: RoleBindings;
  readonly apiKeys: ApiKeys;
  readonly tickets: RequestTickets;
  readonly sessions: Sessions;
  readonly messages: Messages;
  readonly exec: Exec;
  readonly files: Files;
  readonly processes: ProcessService;
  readonly ports: Ports;
  readonly spaces: Spaces;
  readonly secrets: Secrets;
  readonly agents: Agents;
  readonly logs: Logs;
  readonly builds: Builds;
  readonly nodes: Nodes;
  readonly nodeTokens: NodeTokens;
  readonly orphans: Orphans;
  readonly events: Events;
  readonly audit: Audit;
  readonly sandboxes: SandboxServices;
  readonly health: Health;
}
