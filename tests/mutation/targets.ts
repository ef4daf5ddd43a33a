/** The pure core, and the unit tests that hold each file of it. */
export const TARGETS: Readonly<Record<string, readonly string[]>> = {
  'controller/domain/life-cycle.ts': ['life-cycle'],
  'controller/domain/legal.ts': ['life-cycle'],
  'controller/domain/placement.ts': ['placement'],
  'controller/domain/lease.ts': ['lease'],
  'controller/domain/rbac.ts': ['rbac'],
  'controller/domain/speaker.ts': ['delivery'],
  'controller/domain/commands/record-report.ts': ['delivery', 'life-cycle'],
  'controller/domain/answering.ts': ['delivery'],
  'node-agent/domain/next-step.ts': ['node-next-step'],
  'node-agent/domain/restart-delay.ts': ['node-rules'],
  'node-agent/ledger.ts': ['ledger-record', 'node-agent'],
  'node-agent/ledger-record.ts': ['ledger-record'],
  'guest/mailbox.ts': ['guest-core', 'guest-settled'],
};
