/**
 * The previous release's node agent with this controller, and the reverse, with a session that goes
 * on while either side is replaced.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { deploy, writeAgent } from './agents.ts';
import { containersOf } from './docker.ts';
import { type Cluster, startCluster } from './harness.ts';
import { fileOf, historyMissing, previousRelease } from './previous-release.ts';
import { expect } from './rest.ts';

/** Writes each message down before it answers. */
const AGENT = `
import time

def process_message(message, context):
    with open("/session/workspace/runs", "a") as file:
        file.write(message + "\\n")
    time.sleep(0.05)
    return "answered " + message
`;

const conditions = z.array(z.object({ conditions: z.array(z.object({ type: z.string(), message: z.string() })) }));

t.setTimeout(240_000);
const missing = await historyMissing();
t.test('a session answers each message once while node agent and controller change releases', { skip: missing ?? false }, async (t) => {
  const previous = await previousRelease(t);
  const recorded = await readFile(join(import.meta.dirname, '../unit/proto/previous-descriptor.json'), 'utf8');
  t.same(
    JSON.parse(await fileOf('proto/generated/descriptor.json')),
    JSON.parse(recorded),
    'the record for shallow clones is of this release',
  );
  const node = { name: 'node-1' };
  const cluster = await startCluster(t, { nodes: [], tree: previous, env: { RAWORC_SHUTDOWN_NODES: '' } });
  const { rest } = cluster;
  const versionCondition = async () => {
    const [one] = conditions.parse(expect(await rest.call('GET', '/nodes'), 200, 'list nodes'));
    return one?.conditions.find(({ type }) => type === 'Version')?.message;
  };
  const replaceNode = async (tree?: string) => {
    await cluster.node('node-1').kill('SIGTERM');
    await cluster.startNode({ ...node, ...(tree === undefined ? {} : { tree }) }, true);
  };

  await cluster.startNode(node);
  t.notOk('protocol' in (await cluster.controller.untilEvent('node.live')), 'this is the previous controller');
  await deploy(rest, 'scribe', await writeAgent(join(cluster.directory, 'scribe'), { 'main.py': AGENT }));
  const { id } = await rest.createSession();
  const [container] = await containersOf(cluster.id);
  const traffic = new Traffic(cluster, id);
  await traffic.answers('this node agent, the previous controller');

  await replaceNode(previous);
  await traffic.answers('both of the previous release');

  await cluster.controller.end('SIGTERM');
  cluster.tree = join(import.meta.dirname, '../..');
  await cluster.startController();
  t.match(await cluster.controller.untilEvent('node.live'), { protocol: 1 });
  await traffic.answers('the previous node agent, this controller');
  t.match(await versionCondition(), /Upgrade the node agent/);
  const { file } = await cluster.controller.untilEvent('store.backed_up');
  t.match(file, /before-upgrade-from-0017/);
  const late = await rest.createSession();
  t.match((await rest.say(late.id, 'late')).reply.content, 'answered late', 'it starts sessions, too');

  await replaceNode();
  await traffic.answers('both of this release');
  t.equal(await versionCondition(), undefined);

  const sent = await traffic.end();
  t.ok(sent.length >= 8, `${sent.length} messages`);
  const messages = await rest.messages(id);
  t.same(
    messages.map(({ content }) => content),
    sent.flatMap((message) => [message, `answered ${message}`]),
  );
  const runs = await readFile(join(cluster.node('node-1').diskFiles(id), 'workspace', 'runs'), 'utf8');
  t.same(runs.trim().split('\n'), sent, 'no message ran twice');
  t.same(
    (await containersOf(cluster.id)).filter(({ session }) => session === id),
    [container],
    'its container was never replaced',
  );
});

/** A client that posts one message after the other, and repeats a request that got no answer. */
class Traffic {
  readonly #cluster: Cluster;
  readonly #session: string;
  readonly #sent: string[] = [];
  readonly #running: Promise<void>;
  #isOver = false;
  #answered = 0;
  #look: () => void = () => undefined;

  constructor(cluster: Cluster, session: string) {
    this.#cluster = cluster;
    this.#session = session;
    this.#running = this.#run();
  }

  /** Resolves when two messages that are posted from now on are answered. */
  async answers(what: string): Promise<void> {
    const enough = this.#sent.length + 2;
    await Promise.race([
      this.#running.then(() => Promise.reject(new Error(`the messages ended: ${what}`))),
      new Promise<void>((resolve) => {
        this.#look = () => this.#answered >= enough && resolve();
      }),
    ]);
  }

  async end(): Promise<readonly string[]> {
    this.#isOver = true;
    await this.#running;
    return this.#sent;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const content = `message ${this.#sent.length + 1}`;
      this.#sent.push(content);
      while (!(await this.#post(content)));
      this.#answered += 1;
      this.#look();
    }
  }

  /** Returns false if the request must be repeated. */
  async #post(content: string): Promise<boolean> {
    const path = `/sessions/${this.#session}/messages?wait=30s`;
    const headers = { 'idempotency-key': `${this.#session}-${content.replace(' ', '-')}` };
    try {
      const answer = await this.#cluster.rest.send('POST', path, JSON.stringify({ content }), 'application/json', { headers });
      if (answer.status < 500) expect(answer, 201, content);
      return answer.status < 500 && JSON.stringify(answer.body).includes(`answered ${content}`);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // The controller is being replaced.
      await new Promise((resolve) => setTimeout(resolve, 50));
      return false;
    }
  }
}
