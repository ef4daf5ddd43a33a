/** What the health of a controller names while a part that it can do without is unavailable. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { openTarget } from './target.ts';

t.setTimeout(60_000);

const degradedOf = z.looseObject({ degraded: z.record(z.string(), z.number()).default({}) });

/** A nats-server that wants other credentials. Returns its port. */
async function refusingBus(t: Test): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('INFO {"server_id":"x","version":"2.10.0","proto":1,"auth_required":true,"max_payload":1048576}\r\n');
    socket.once('data', () => socket.end("-ERR 'Authorization Violation'\r\n"));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

t.test('health names the bus and its credentials, the registry, and the export of the audit record', async (t) => {
  const port = await refusingBus(t);
  const { rest, hollow } = await openTarget(t, {
    nats: { server: `127.0.0.1:${port}`, tls: undefined, credentials: { kind: 'token', token: { kind: 'text', value: 'wrong' } } },
    registry: { kind: 'own', program: '/no/docker-registry', s3: undefined },
    auditFile: '/no/such/directory/audit.log',
  });
  if (!hollow) return;
  const kinds = { bus: 1, bus_credentials: 1, registry: 1, audit_export: 1 };
  for (;;) {
    const { degraded } = degradedOf.parse((await rest.call('GET', '/health')).body);
    if (Object.keys(degraded).length >= Object.keys(kinds).length) return t.same(degraded, kinds);
    await pause(50);
  }
});
