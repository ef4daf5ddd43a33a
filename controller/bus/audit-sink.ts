import type { AuditSink } from '../services/audit/audit-export.ts';
import type { Bus } from './bus.ts';
import { auditSubject } from './subjects.ts';

const FLUSH_MS = 10_000;

/** Publishes records and waits until the bus has sent them. */
export const auditBus = (bus: Bus): AuditSink => ({
  name: 'bus',
  async write(records) {
    for (const { record, line } of records)
      if (!bus.publish(auditSubject(record), Buffer.from(line))) throw new Error('the bus is not accepting records now');
    if (!(await bus.flush(AbortSignal.timeout(FLUSH_MS)))) throw new Error('the bus disconnected before all records were sent');
  },
});
