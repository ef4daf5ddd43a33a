/** From a directory to a reply through a whole cluster: agents in Rust, Go, Python and Node.js, and one with a Dockerfile. */
import { join } from 'node:path';
import t from 'tap';
import { writeAgent } from '../cluster/agents.ts';
import { startCluster } from '../cluster/harness.ts';
import { deployAll } from './deploy-all.ts';

t.setTimeout(1_500_000);

const manifest = (runtime: string, handler: string, more: object = {}) => JSON.stringify({ runtime, handler, ...more });

const AGENTS: Readonly<Record<string, { readonly files: Readonly<Record<string, string>>; readonly reply: string }>> = {
  gopher: {
    files: {
      'raworc.json': manifest('go', 'gopher'),
      'go.mod': 'module example.com/gopher\n\ngo 1.18\n',
      'main.go':
        'package main\n\nimport (\n\t"fmt"\n\t"io"\n\t"os"\n\t"strings"\n)\n\nfunc main() {\n\ttext, _ := io.ReadAll(os.Stdin)\n\tfmt.Print("go " + strings.ToUpper(string(text)))\n}\n',
    },
    reply: 'go HELLO',
  },
  rusty: {
    files: {
      'raworc.json': manifest('rust', 'rusty'),
      'Cargo.toml': '[package]\nname = "rusty"\nversion = "0.1.0"\nedition = "2021"\n',
      'src/main.rs':
        'use std::io::Read;\nfn main() {\n    let mut text = String::new();\n    std::io::stdin().read_to_string(&mut text).unwrap();\n    print!("rust {}", text.to_uppercase());\n}\n',
    },
    reply: 'rust HELLO',
  },
  snake: {
    files: {
      'raworc.json': manifest('python3', 'main.process_message'),
      'main.py': 'def process_message(message, context):\n    return "python3 " + message.upper()\n',
    },
    reply: 'python3 HELLO',
  },
  joe: {
    files: {
      'raworc.json': manifest('nodejs', 'index.processMessage'),
      'index.mjs': 'export const processMessage = (message) => ["nodejs", message.toUpperCase()].join(" ");\n',
    },
    reply: 'nodejs HELLO',
  },
  own: {
    files: {
      'raworc.json': manifest('python', 'main.process_message', { dockerfile: true }),
      Dockerfile: 'FROM raworc/session\nRUN echo dockerfile > /etc/motto\n',
      'main.py': 'def process_message(message, context):\n    return open("/etc/motto").read().strip() + " " + message.upper()\n',
    },
    reply: 'dockerfile HELLO',
  },
};

t.test('conversations', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1', env: { RAWORC_BUILD_DOCKERFILES: 'true' } }] });
  const { rest } = cluster;
  const deployed = async (agents: Readonly<Record<string, string>>) => {
    const build = await deployAll(rest, agents);
    t.match(build, { status: 'completed', error: null });
    return rest.createSession();
  };
  const ask = async (session: string, agent: string, text: string) => (await rest.say(session, text, { agent })).reply.content;

  await t.test('one of each runtime, by the names that manifests use', async (t) => {
    const directories: Record<string, string> = {};
    for (const [name, { files }] of Object.entries(AGENTS)) directories[name] = await writeAgent(join(cluster.directory, name), files);
    const session = await deployed(directories);
    for (const [name, { reply }] of Object.entries(AGENTS)) t.equal(await ask(session.id, name, 'hello'), reply, name);
    await rest.removeSession(session.id);
  });

  await t.test('the example in Rust', async (t) => {
    const session = await deployed({ reverse: join(import.meta.dirname, '..', '..', 'examples', 'rust') });
    t.equal((await ask(session.id, 'reverse', 'stressed')).trim(), 'desserts');
    await rest.removeSession(session.id);
  });
});
