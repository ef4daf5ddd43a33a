/** A guest's calls of a model: closed private addresses, opened ones, the operator's certificates, and who has the key. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { dockerClients } from '../../node-agent/engine/docker/client.ts';
import { ensureNetwork } from '../../node-agent/engine/docker/network.ts';
import { Firewall } from '../../node-agent/engine/firewall/firewall.ts';
import { buildGuest } from '../../scripts/build-guest.ts';
import { systemClock } from '../../seams/system.ts';
import { modelServer } from '../models/model-server.ts';
import { silent } from '../unit/controller/core.ts';
import { privateCa } from '../unit/controller/http/certificates.ts';
import { docker } from './busybox.ts';
import { GuestContainer } from './guest-container.ts';

const TAG = randomUUID().slice(0, 6);
const NETWORK = { name: `raworc_test_${TAG}`, bridge: `rwt${TAG}` };
const directory = mkdtempSync('/var/tmp/raworc-models-');
const AGENT = 'import os\ndef process_message(message, context):\n    return f"{message} {os.environ.get(\'MODEL_KEY\')}"\n';

t.setTimeout(120_000);
t.teardown(() => rmSync(directory, { recursive: true, force: true }));

t.test('a model in a private network is reached only if the operator opens its port, by a certificate of theirs', async (t) => {
  const { calls } = await dockerClients('/var/run/docker.sock');
  await ensureNetwork(calls, NETWORK, new AbortController().signal);
  t.teardown(() => docker('network', 'rm', NETWORK.name));
  const gateway = await docker('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}}', NETWORK.name);
  const authority = await privateCa();
  const certificates = join(directory, 'ca.pem');
  writeFileSync(certificates, authority.pem);
  const server = await modelServer(({ turns }) => (turns.at(-1)?.content === 'self' ? { text: ['by the ', 'model'] } : { agent: 'tell' }), {
    host: gateway,
    tls: await authority.issue({ address: gateway }),
  });
  t.teardown(() => server.close());
  const { directory: built } = await buildGuest(join(directory, 'bundle'));

  const firewall = (egress: readonly { range: string; firstPort: number; lastPort: number }[]) => {
    const plan = { ...NETWORK, table: `raworc_t_${TAG}`, chains: { input: `RAWORC-T-IN-${TAG}`, forward: `RAWORC-T-FWD-${TAG}` } };
    return new Firewall({ plan: { ...plan, closed: [], allowed: [], egress }, clock: systemClock, log: silent });
  };
  const session = async (models: { certificates: string | undefined }) => {
    const guest = new GuestContainer(built, {}, { network: NETWORK.name, models: { environment: {}, ...models } });
    t.teardown(() => guest.close());
    guest.addAgent('tell', 'main.py', AGENT);
    await guest.create();
    await guest.listen();
    guest.start();
    await guest.welcome();
    guest.send({ kind: 'secrets', value: { sessionId: 'session', version: 1, values: { MODEL_KEY: 'sk-1' }, withheld: ['MODEL_KEY'] } });
    let seq = 0;
    return async (content: string) => {
      seq += 10;
      const model = { api: 'openai', baseUrl: server.base('openai'), model: 'm', keySecret: 'MODEL_KEY', maxTokens: 0, timeoutS: 30 };
      const agents = [{ name: 'tell', purpose: 'Tells', description: '', capabilities: [] }];
      guest.deliver(seq, content, '@router', '{}', 1, { ...model, agents });
      const { value } = await guest.next('answer');
      guest.settle(seq);
      return value;
    };
  };

  const closed = firewall([]);
  await closed.apply();
  t.teardown(() => closed.remove());
  const ask = await session({ certificates });
  t.match(await ask('hello'), { outcome: 'ERROR', reason: 'model_unreachable', content: /cannot be reached.*RAWORC_ALLOW_EGRESS/ });
  t.equal(server.asked.length, 0);
  closed.close();

  const opened = firewall([{ range: gateway, firstPort: server.port, lastPort: server.port }]);
  await opened.apply();
  t.teardown(() => opened.close());
  t.match(await ask('hello'), { outcome: 'REPLY', agent: 'tell', content: 'hello None' }, 'the agent has no key');
  t.match(await ask('self'), { outcome: 'REPLY', agent: '@router', model: 'm', content: 'by the model' });
  t.same(
    server.asked.map((one) => one.key),
    ['sk-1', 'sk-1'],
  );
  const stranger = await session({ certificates: undefined });
  t.match(await stranger('hello'), {
    outcome: 'ERROR',
    reason: 'model_unreachable',
    content: /certificate that is not valid for this session/,
  });
  t.equal(server.asked.length, 2);
});
