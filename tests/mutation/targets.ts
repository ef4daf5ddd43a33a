/** The pure core, and the unit tests that hold each file of it. */
export const TARGETS: Readonly<Record<string, readonly string[]>> = {
  'controller/domain/sessions/life-cycle.ts': ['controller/sessions/life-cycle'],
  'controller/domain/sessions/legal.ts': ['controller/sessions/life-cycle'],
  'controller/domain/sessions/placement/placement.ts': ['controller/sessions/placement'],
  'controller/domain/sessions/placement/filters.ts': ['controller/sessions/placement'],
  'controller/domain/sessions/placement/label-rules.ts': ['controller/sessions/label-rules'],
  'controller/domain/nodes/lease.ts': ['controller/nodes/lease'],
  'controller/domain/access/rbac.ts': ['controller/access/rbac'],
  'controller/domain/sessions/report-fence.ts': ['controller/messages/delivery'],
  'controller/domain/sessions/commands/record-report.ts': ['controller/messages/delivery', 'controller/sessions/life-cycle'],
  'controller/domain/messages/choose-agent.ts': ['controller/messages/delivery'],
  'node-agent/domain/next-step.ts': ['node-agent/session/next-step'],
  'node-agent/domain/restart-delay.ts': ['node-agent/session/rules'],
  'node-agent/ledger/ledger.ts': ['node-agent/ledger/ledger-record', 'node-agent/node-agent'],
  'node-agent/ledger/ledger-record.ts': ['node-agent/ledger/ledger-record'],
  'guest/mailbox/entries.ts': ['guest/core', 'guest/settled'],
  'guest/mailbox/mailbox.ts': ['guest/core', 'guest/settled'],
};
