import t from 'tap';
import { type SourceFile, sourceFile, sourceTree } from '../house/source-tree.ts';

/** Every way to a terminal there is. What others wrote goes through one of these, which spell out what a terminal would act on. */
const WRITERS = ['cli/terminal.ts', 'scripts/terminal.ts', 'seams/print.ts', 'seams/system.ts'];
/**
 * Programs that print to whoever started them: the worker of an agent, into the agent's log; the
 * check of a build, JSON for the node agent.
 */
const OUTSIDE = /^(bench|guest\/(workers|check))\//;

const DIRECT = /\bconsole\s*\.|\bprocess\s*\.\s*(stdout|stderr)\b|\bprocess\s*\[|\bfs?\.?writeSync\s*\(\s*[12]\b|\bnew\s+Console\b/;
/** The stream beneath a writer is for reading lines alone. */
const BENEATH = /\.(stdout|stderr)\s*\.\s*stream\s*\.\s*write\b/;
const OWN = /\bnew\s+Own\s*\(/;
const MAKES_OWN = ['cli/terminal.ts', 'cli/io.ts', 'cli/steps.ts', 'cli/commands/terminal/shell.ts'];
/** Looks at a stream, or hands it on, and writes nothing. */
const LOOKS = /\bprocess\s*\.\s*stdout\s*\.\s*(isTTY|columns|on\(|once\()/g;
const HANDS_ON: Readonly<Record<string, RegExp>> = {
  'cli/main.ts': /\b(stdout|stderr): process\.(stdout|stderr),/g,
  // Reads a line that is typed.
  'scripts/clean.ts': /\boutput: process\.stdout\b/g,
  'scripts/up/stop-signals.ts': /\[process\.stdout, process\.stderr\]\) stream\.on\(/g,
};

const aroundWriters = (files: readonly SourceFile[]): readonly string[] =>
  files
    .filter(({ path }) => !OUTSIDE.test(path))
    .flatMap(({ path, code }) => {
      const writing = code.replace(LOOKS, '').replace(HANDS_ON[path] ?? /(?!)/g, '');
      return [
        ...(!WRITERS.includes(path) && (DIRECT.test(writing) || BENEATH.test(writing)) ? [`${path} writes around them`] : []),
        ...(!MAKES_OWN.includes(path) && OWN.test(code) ? [`${path} takes text for its own`] : []),
      ];
    });

t.test('every file writes to terminals through the writers that sanitise text', async (t) => {
  const files = sourceTree(['cli', 'controller', 'node-agent', 'guest', 'proto', 'seams', 'journal', 'sdk', 'scripts', 'bench']);
  t.ok(files.length > 300, 'the sources were found');
  t.same(aroundWriters(files), []);
});

t.test('a planted bypass is found, and a mention is not', async (t) => {
  const planted = [
    'console.log(session.name);',
    'process.stdout.write(text);',
    'process.stderr.write(text);',
    'const { stdout } = process; process.stdout.end(text);',
    "process['stdout'].write(text);",
    'io.stdout.stream.write(text);',
    'fs.writeSync(1, text);',
    'io.stdout.write(new Own(session.name));',
  ];
  for (const code of planted) t.not(aroundWriters([sourceFile('cli/commands/planted.ts', code)]).length, 0, code);
  for (const code of ['// console.log(x)', "const word = 'process.stdout';", 'io.stdout.write(text);', 'print(text);'])
    t.same(aroundWriters([sourceFile('cli/commands/planted.ts', code)]), [], code);
});
