/** What waits for a host that reads slowly is bounded in bytes, and nothing that matters is lost with it. */

import t from 'tap';
import type { HostLink } from '../../../guest/host/dialer.ts';
import { HostSide } from '../../../guest/host/host-side.ts';
import type { GuestFrame } from '../../../proto/frame.ts';

class SlowLink implements HostLink {
  readonly sent: GuestFrame[] = [];
  takes = false;
  fault: Error | undefined;
  send(frame: GuestFrame): boolean {
    if (this.takes) this.sent.push(frame);
    return this.takes;
  }
  close(fault?: Error): void {
    this.fault = fault ?? new Error('closed');
  }
  onMessage(): void {}
  onDrain(): void {}
  onClose(): void {}
  pause(): void {}
  resume(): void {}
}

const started = (number: number): GuestFrame => ({
  kind: 'runStarted',
  value: { sessionId: 's', generation: 1, messageId: `m${number}`, runId: 'r'.repeat(1000), agent: 'a', hop: null },
});
const _lines = { sessionId: 's', requestId: 'q', unread: false, lines: [] };
const _line = { sessionId: 's', runId: 'r', agent: 'a', stream: 'STDOUT', line: 'x'.repeat(8000), atMs: 1, dropped: 0 } as const;

t.test('frames wait in order for a slow host, up to a bound in bytes beyond which the link is closed', async (t) => {
  const host = new HostSide(() => []);
  const link = new SlowLink();
  host.welcomed(link, 1);
  let told = 0;
  while (link.fault === undefined && told < 100_000) host.send(started(++told));
  t.match(link.fault?.message, /does not read/);
  t.ok(told > 500 && told < 1100, `${told} frames of 1 KB`);
  host.lost(link);

  const next = new SlowLink();
  host.welcomed(next, 1);
  for (let number = 1; number <= 300; number += 1) host.send(started(number));
  next.takes = true;
  host.drained();
  t.same(
    next.sent.map(({ value }) => 'messageId' in value && value.messageId),
    Array.from({ length: 300 }, (_one, index) => `m${index + 1}`),
  );
  for (let round = 1; round <= 5; round += 1) {
    next.takes = false;
    for (let number = 1; number <= 500; number += 1) host.send(started(number));
    next.takes = true;
    host.drained();
  }
  t.equal(next.fault, undefined, 'what has left counts no more');
});
