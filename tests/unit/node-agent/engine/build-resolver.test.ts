import t from 'tap';
import { closeResolverOfBuild } from '../../../../node-agent/engine/docker/resolver.ts';

t.test('a build runs on a host that lacks the program which blocks Docker’s name server', async (t) => {
  const warned: unknown[] = [];
  const log = { warn: (event: string, fields?: object) => void warned.push({ event, ...fields }) };
  const ran: string[] = [];
  const works = async (program: string, args: readonly string[]) => {
    ran.push([program, ...args].join(' '));
    return '';
  };
  await closeResolverOfBuild(works, 17, log);
  t.match(ran, [/^nsenter --net=\/proc\/17\/ns\/net ip route replace unreachable 127\.0\.0\.11\/32/]);
  t.same(warned, []);
  await closeResolverOfBuild(async () => Promise.reject(new Error('failed to execute ip')), 17, log);
  t.same(warned, [{ event: 'build.docker_dns_open', error: 'failed to execute ip' }]);
});
