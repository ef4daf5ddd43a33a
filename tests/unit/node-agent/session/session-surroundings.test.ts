/** What a session finds around it: its account, its name servers, and the operator's settings for both. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PLAIN_PASSWD, passwdFor } from '../../../../node-agent/domain/accounts.ts';
import { DEFAULT_FLOWS } from '../../../../node-agent/domain/flow-bounds.ts';
import { DEFAULT_UIDS } from '../../../../node-agent/domain/uid-range.ts';
import { Resolvers } from '../../../../node-agent/engine/firewall/resolvers.ts';
import { DEFAULT_OPEN_FILES, readSessionSettings } from '../../../../node-agent/session/session-settings.ts';
import { testDirectory } from '../../../test-directory.ts';

t.test('the account of an image’s agents is the session’s own; without one there is one all the same', async (t) => {
  const image =
    'root:x:0:0:root:/root:/bin/bash\nagent:x:10001:10001:of agents:/session/state:/bin/bash\nwww:x:33:33::/var/www:/bin/false\n';
  t.same(passwdFor(image, 2_010_000_001).trimEnd().split('\n'), [
    'root:x:0:0:root:/root:/bin/bash',
    'www:x:33:33::/var/www:/bin/false',
    'agent:x:2010000001:2010000001:of agents:/session/state:/bin/bash',
  ]);
  t.match(passwdFor(PLAIN_PASSWD, 5_000), /^root:.*\nnobody:.*\nagent:x:5000:5000::\/session\/state:\/bin\/sh\n$/);
  t.match(passwdFor('agent:x:1000:1000::/home/agent:/bin/sh\n', 5_000), /\nraworc-agent:x:5000:/, 'a name of somebody else is not taken');
  t.equal(passwdFor('other:x:5000:5000::/:/bin/sh\n', 5_000).trim().split('\n').length, 1, 'nor is there another name for its number');
});

t.test('sessions ask the servers behind the host’s own, and see it when those change', async (t) => {
  const directory = testDirectory(t);
  const [first, second, file] = [join(directory, 'resolv.conf'), join(directory, 'resolved.conf'), join(directory, 'sessions.conf')];
  const raised: string[] = [];
  const conditions = { raise: ({ type }: { type: string }) => void raised.push(type), clear: () => undefined };
  const resolvers = new Resolvers({ file, addresses: [], conditions, hostFiles: [first, second] });
  writeFileSync(first, 'nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch lan\n');
  t.same(await resolvers.look(), []);
  t.equal(resolvers.file, undefined, 'what a session cannot reach is no server for it');
  t.same(raised, ['DnsByDocker']);
  writeFileSync(second, 'nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver fe80::1\nsearch example\n');
  t.same(await resolvers.look(), ['192.0.2.1', '192.0.2.2']);
  t.equal(readFileSync(file, 'utf8'), 'nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch example\n');
  const { ino } = statSync(file);
  writeFileSync(second, 'nameserver 192.0.2.3\n');
  t.same(await resolvers.look(), ['192.0.2.3']);
  t.equal(readFileSync(resolvers.file ?? '', 'utf8'), 'nameserver 192.0.2.3\n');
  t.equal(statSync(file).ino, ino, 'the file that containers have mounted');
  const set = new Resolvers({ file, addresses: ['198.51.100.1'], hostFiles: [second] });
  t.same(await set.look(), ['198.51.100.1']);
  t.equal(readFileSync(file, 'utf8'), 'nameserver 198.51.100.1\n');
});

t.test('settings have defaults, and what makes no sense is refused with its name', async (t) => {
  t.same(readSessionSettings({}), { uids: DEFAULT_UIDS, flows: DEFAULT_FLOWS, openFiles: DEFAULT_OPEN_FILES, dns: [] });
  const set = {
    ...{ RAWORC_SESSION_UIDS: '100000-165535', RAWORC_SESSION_CONNECTIONS: '10', RAWORC_SESSION_NEW_FLOWS_PER_S: '20' },
    ...{ RAWORC_SESSION_EGRESS_BYTES_PER_S: '30', RAWORC_SESSION_OPEN_FILES: '100', RAWORC_SESSION_DNS: '192.0.2.1, 192.0.2.2' },
  };
  t.same(readSessionSettings(set), {
    uids: { first: 100_000, last: 165_535 },
    flows: { connections: 10, newPerS: 20, egressBytesPerS: 30 },
    openFiles: 100,
    dns: ['192.0.2.1', '192.0.2.2'],
  });
  for (const [name, wrong] of [
    ['RAWORC_SESSION_UIDS', '0-100'],
    ['RAWORC_SESSION_CONNECTIONS', '0'],
    ['RAWORC_SESSION_NEW_FLOWS_PER_S', 'many'],
    ['RAWORC_SESSION_EGRESS_BYTES_PER_S', '-1'],
    ['RAWORC_SESSION_OPEN_FILES', '3'],
    ['RAWORC_SESSION_DNS', '127.0.0.1'],
    ['RAWORC_SESSION_DNS', 'dns.example'],
  ] as const)
    t.throws(() => readSessionSettings({ [name]: wrong }), new RegExp(name));
});
