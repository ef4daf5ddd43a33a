/** A copier that the engine is still removing can still read its source. The engine is played from its socket. */
import type { ServerResponse } from 'node:http';
import t from 'tap';
import { dockerClients } from '../../../../node-agent/engine/docker/client.ts';
import { DockerCopier } from '../../../../node-agent/engine/docker/copier.ts';
import { playedEngine } from './played-engine.ts';

const owner = { clusterId: 'cluster', nodeId: 'node' };
const Labels = { 'raworc.cluster': 'cluster', 'raworc.node': 'node', 'raworc.copy': 'copy', 'raworc.copy-from': 'parent' };

t.test('the end of a copy waits for a removal that an earlier call began', async (t) => {
  const awaited = Promise.withResolvers<ServerResponse>();
  const socket = await playedEngine(t, ({ method, url = '' }, response) => {
    const say = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (url.endsWith('/version')) say(200, { Version: '20.10.0', ApiVersion: '1.41', MinAPIVersion: '1.12' });
    else if (method === 'DELETE') say(409, { message: 'removal of container c1 is already in progress' });
    else if (url.includes('/wait?condition=removed')) awaited.resolve(response);
    else say(200, { Id: 'c1', Config: { Labels }, State: { Status: 'running', ExitCode: 0 } });
  });
  const { calls, streams } = await dockerClients(socket);
  const events: string[] = [];
  const copier = new DockerCopier({
    ...{
      docker: calls,
      streams,
      owner,
      disks: { copiedFrom: async () => undefined },
      diskPath: async () => '',
      roots: async () => undefined,
    },
    released: (sessionId) => events.push(`released ${sessionId}`),
  });
  const ended = copier.end('copy', new AbortController().signal).then(() => events.push('ended'));
  const removal = await Promise.race([awaited.promise, ended]);
  t.same(events, [], 'as long as it may read');
  if (typeof removal === 'object') removal.writeHead(200, { 'content-type': 'application/json' }).end('{"StatusCode":137}');
  await ended;
  t.same(events, ['released parent', 'ended']);
});
