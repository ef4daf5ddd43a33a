import t from 'tap';
import { accountsWith } from '../../../guest/volume/accounts.ts';

const PASSWD = 'root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:me,,,:/home/user:/bin/bash\n';
const GROUP = 'root:x:0:\nuser:x:1000:root\n';
const USER = { uid: 2_010_000_001, gid: 2_010_000_001 };

t.test('the account of a workstation gets the id of its session, and keeps the rest', async (t) => {
  const next = accountsWith(PASSWD, GROUP, USER);
  t.equal(next.passwd, 'root:x:0:0:root:/root:/bin/bash\nuser:x:2010000001:2010000001:me,,,:/home/user:/bin/bash\n');
  t.equal(next.group, 'root:x:0:\nuser:x:2010000001:root\n');
  t.equal(next.before, 1000, 'the files of that id become its own');
  const again = accountsWith(next.passwd, next.group, USER);
  t.same(again, { passwd: next.passwd, group: next.group, before: undefined }, 'nothing is left to do');
});

t.test('an image without the account gets one', async (t) => {
  const { passwd, group, before } = accountsWith('', '', USER);
  t.equal(passwd, 'user:x:2010000001:2010000001::/home/user:/bin/sh\n');
  t.equal(group, 'user:x:2010000001:\n');
  t.equal(before, undefined);
});
