import { randomUUID } from 'node:crypto';
import t from 'tap';
import { BUILT_IN_ROLES } from '../../../../controller/domain/access/built-in-roles.ts';
import { Permissions } from '../../../../controller/domain/access/rbac.ts';
import type { AccountId } from '../../../../controller/domain/engine/ids.ts';
import type { View } from '../../../../controller/domain/engine/view.ts';
import type { Caller } from '../../../../controller/services/access/caller.ts';
import type { Proof } from '../../../../controller/services/access/proof.ts';
import { MAX_REQUEST_TICKETS, REQUEST_TICKET_MS, requestTickets } from '../../../../controller/services/access/request-tickets.ts';
import { systemRandom } from '../../../../seams/system.ts';
import { HandClock } from '../../hand-clock.ts';
import { SPACE } from '../core.ts';

const SESSION: string = randomUUID();
const view = {
  get: (_table: string, id: string) => (id === SESSION ? { id, name: null, spaceId: SPACE, desired: 'running' } : undefined),
} as unknown as View;

function setUp() {
  const clock = new HandClock();
  const tickets = requestTickets({ view, clock, random: systemRandom });
  const one = (role: number) => {
    const accountId = randomUUID() as AccountId;
    const roles = BUILT_IN_ROLES.slice(role, role + 1).map((found) => ({ role: found, spaceId: null }));
    const caller: Caller = { accountId, user: 'ann', permissions: new Permissions(roles), now: () => caller };
    const proof: Proof = { kind: 'api-key', keyId: 'key', accountId, expiresAtMs: Number.POSITIVE_INFINITY };
    return { proof, create: (session: string = SESSION) => tickets.create(caller, proof, { for: 'attach', session }) };
  };
  return { clock, tickets, one };
}
const ticketIn = (made: ReturnType<ReturnType<ReturnType<typeof setUp>['one']>['create']>) => (made.ok ? made.value.ticket : '');

t.test('a ticket is good once, soon, and for those who may use what it is for', async (t) => {
  const { clock, tickets, one } = setUp();
  const { create, proof } = one(0);
  const ticket = ticketIn(create(SESSION.toUpperCase()));
  t.match(tickets.redeem(ticket), { use: 'attach', session: SESSION, proof });
  t.equal(tickets.redeem(ticket), undefined);
  const late = ticketIn(create());
  clock.sleep(REQUEST_TICKET_MS);
  t.equal(tickets.redeem(late), undefined);
  t.match(create(randomUUID()), { ok: false, refusal: { code: 'NOT_FOUND' } });
  const viewer = BUILT_IN_ROLES.findIndex(({ name }) => name === 'viewer');
  t.match(one(viewer).create(), { ok: false, refusal: { code: 'FORBIDDEN', message: /sessions:exec/ } });
});

t.test('an account has so many unused tickets, and takes none from others', async (t) => {
  const { clock, tickets, one } = setUp();
  const { create } = one(0);
  const first = ticketIn(create());
  for (let at = 1; at < MAX_REQUEST_TICKETS.ofAccount; at += 1) create();
  t.match(create(), { ok: false, refusal: { code: 'RATE_LIMITED' } });
  t.equal(one(0).create().ok, true);
  t.ok(tickets.redeem(first));
  t.equal(create().ok, true, 'a used one makes room');
  clock.sleep(REQUEST_TICKET_MS);
  const again = Array.from({ length: MAX_REQUEST_TICKETS.ofAccount }, () => create());
  t.ok(
    again.every(({ ok }) => ok),
    'expired ones make room',
  );
});

t.test('past all, the oldest ticket is dropped', async (t) => {
  const { tickets, one } = setUp();
  const first = ticketIn(one(0).create());
  let last = '';
  for (let account = 0; account * MAX_REQUEST_TICKETS.ofAccount < MAX_REQUEST_TICKETS.inAll; account += 1) {
    const { create } = one(0);
    for (let at = 0; at < MAX_REQUEST_TICKETS.ofAccount; at += 1) last = ticketIn(create());
  }
  t.equal(tickets.redeem(first), undefined);
  t.ok(tickets.redeem(last));
});
