/** Runs docs/write-an-agent.md word for word: each block of code by the real worker, each command by the real grammar. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { isRepository, repositoryName } from '../../../cli/builds/agent-repository.ts';
import { runCli } from '../../../cli/program.ts';
import { isRepository as isAcceptedRepository } from '../../../controller/contract/repository.ts';
import type { Peers } from '../../../guest/runs/worker-host.ts';
import { parseDockerfile } from '../../../node-agent/domain/installs/dockerfile.ts';
import { reply, run } from '../guest/stage.ts';
import { manifestOf, ROOT, start } from './source.ts';

const PAGE = readFileSync(join(ROOT, 'docs', 'write-an-agent.md'), 'utf8');

interface Block {
  readonly language: string;
  readonly code: string;
}
/** What is marked `no-test` needs a build that runs; tests of the CLI have its commands. */
const BLOCKS: readonly Block[] = [...PAGE.replaceAll(/^```\w* no-test\n[\s\S]*?^```$/gm, '').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', code = '']) => ({
    language,
    code,
  }),
);

/** A directory with these files, as a reader would make it. */
function directoryWith(t: Test, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-page-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

const FILES: Readonly<Record<string, string>> = { python: 'main.py', js: 'index.mjs' };
/** Starts an agent whose only file is a block. */
const started = (t: Test, { language, code }: Block) => start(t, directoryWith(t, { [FILES[language] ?? '']: code })).worker;

/** Peers that say who was asked what. */
const peers: Peers = { ask: async (agent, content) => ({ outcome: 'reply', content: `${agent}(${content})` }) };
const CONTEXT = JSON.stringify({ space: 'default', session_id: 's', history: [] });
const TEAM = 'writer(researcher(Find facts about tea)\naccountant({"item":"tea"}))';

/** What each block is known by, and what must come of it. */
const CASES: readonly (readonly [mark: RegExp, language: string, check: (t: Test, block: Block) => Promise<unknown>])[] = [
  [
    /You said \{message!r\}/,
    'python',
    async (t, block) => t.same((await run(started(t, block), 'hi', CONTEXT)).end, reply("You said 'hi'")),
  ],
  [
    /You said \$\{message\}/,
    'js',
    async (t, block) => t.same((await run(started(t, block), 'hi', CONTEXT)).end, reply('You said hi in default')),
  ],
  [
    /"handler": "main\.process_message"/,
    'json',
    async (t, { code }) => {
      const files = { 'raworc.json': code, 'main.py': BLOCKS[0]?.code ?? '' };
      t.match(manifestOf(directoryWith(t, files)), { runtime: 'python', handler: 'main.process_message' });
    },
  ],
  [/^raworc agent deploy owner/, 'sh', namesRepositories],
  [/^raworc secret set GIT_TOKEN/, 'sh', namesRepositories],
  [
    /"build_command"/,
    'json',
    async (t, { code }) =>
      t.match(manifestOf(directoryWith(t, { 'raworc.json': code })), { runtime: 'node', handler: 'dist/index.processMessage' }),
  ],
  [
    /^FROM raworc\/session/,
    'dockerfile',
    async (t, { code }) => t.match(parseDockerfile(code), { ok: true, stages: [{ steps: { length: 2 } }] }),
  ],
  [
    /^raworc build list/,
    'sh',
    async (t, { code }) => {
      const names = [...code.matchAll(/^raworc build (\w+)/gm)].map(([, name = '']) => name);
      const help = (await helpOf(['build'])) ?? '';
      for (const name of names) t.ok(new RegExp(`^ +${name}\\b`, 'm').test(help), name);
      t.equal(names.length, code.trim().split('\n').length);
    },
  ],
  [
    /create_task/,
    'python',
    async (t, block) => {
      const worker = started(t, block);
      const printed = Promise.withResolvers<string>();
      const first = await run(worker, 'watch', CONTEXT, { line: (_stream, line) => printed.resolve(line) });
      t.same(first.end, reply('watching'));
      t.equal(await printed.promise, 'tick', 'it works after the reply');
      t.same((await run(worker, 'again', CONTEXT)).end, reply('watching'));
    },
  ],
  [
    /asyncio\.gather/,
    'python',
    async (t, block) => {
      // Python writes JSON with a blank.
      const { end } = await run(started(t, block), 'tea', CONTEXT, { peers });
      t.same({ ...end, content: 'content' in end && end.content?.replace('": "', '":"') }, reply(TEAM));
    },
  ],
  [/Promise\.all/, 'js', async (t, block) => t.same((await run(started(t, block), 'tea', CONTEXT, { peers })).end, reply(TEAM))],
  [/from raworc import handoff/, 'python', handsOver],
  [/import \{ handoff \} from 'raworc'/, 'js', handsOver],
];

/** Each deploy names what the command takes for a repository, and so does the API. */
async function namesRepositories(t: Test, { code }: Block): Promise<void> {
  const sources = [...code.matchAll(/^raworc agent deploy (\S+)/gm)].map(([, source = '']) => source);
  t.ok(sources.length > 1);
  for (const source of sources) {
    t.ok(await isRepository(source), source);
    t.ok(isAcceptedRepository(source), source);
    t.match(repositoryName(source, undefined), /^repo$/);
  }
}

async function handsOver(t: Test, block: Block): Promise<void> {
  const worker = started(t, block);
  t.match((await run(worker, 'my invoice', CONTEXT)).end, { outcome: 'handoff', agent: 'billing', content: 'my invoice' });
  t.same((await run(worker, 'my dog', CONTEXT)).end, reply('I only know invoices.'));
}

t.test('each block of code does what the page says', async (t) => {
  for (const [at, block] of BLOCKS.entries()) {
    const known = CASES.filter(([mark, language]) => language === block.language && mark.test(block.code));
    t.equal(known.length, 1, `block ${at + 1} is run by one case: ${block.code.split('\n')[0]}`);
    for (const [, , check] of known) await t.test(`block ${at + 1}`, (t) => check(t, block));
  }
  t.equal(BLOCKS.length, CASES.length, 'and each case has a block');
});

/** Prints the help of a command, or undefined if there is none. */
async function helpOf(words: readonly string[]): Promise<string | undefined> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const code = await runCli([...words, '--help'], { ...{ env: {}, stdin, stdout, stderr }, signal: new AbortController().signal });
  stdout.end();
  const help = await text(stdout);
  // For an unknown command, the help is that of the group.
  return code === 0 && help.startsWith(`Usage: raworc ${words.join(' ')} `) ? help : undefined;
}

t.test('each command on the page, and in the READMEs of the examples, exists with its options', async (t) => {
  const readmes = PAGE.matchAll(/`examples\/([\w-]+)`/g);
  const pages = [PAGE, ...[...readmes].map(([, name = '']) => readFileSync(join(ROOT, 'examples', name, 'README.md'), 'utf8'))];
  const commands = pages.flatMap((page) => page.match(/(?<=^|[`;] ?|do )raworc [a-z][^`\n;]*/gm) ?? []);
  t.ok(commands.length > 20, `${commands.length} commands`);
  for (const command of new Set(commands)) {
    const [, ...words] = command.split(/\s+/);
    const names = words.filter((word) => /^[a-z]+$/.test(word));
    const help = (await helpOf(names.slice(0, 2))) ?? (await helpOf(names.slice(0, 1)));
    t.ok(help, command);
    for (const option of words.filter((word) => word.startsWith('--')))
      t.ok(help?.includes(`${option} `) === true, `${command}: ${option}`);
  }
});
