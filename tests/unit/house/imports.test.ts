import t from 'tap';
import { type SourceFile, sourceFile, sourceTree } from './source-tree.ts';

const product = ['proto', 'seams', 'settings', 'systemd', 'journal', 'archive', 'controller', 'node-agent', 'guest', 'sdk', 'cli'];

/** Which way things flow: the first room that fits a file says what it may import. `*.ts` are a folder's own files. */
const rooms: readonly (readonly [room: string, mayImport: readonly string[]])[] = [
  ['seams/', ['seams/']],
  ['journal/', ['journal/', 'seams/']],
  ['settings/', ['settings/']],
  ['systemd/', ['systemd/', 'seams/']],
  ['proto/', ['proto/', 'seams/']],
  // The lowest room of the controller: the words of the API, on which everything else is built.
  ['controller/contract/', ['controller/contract/', 'proto/secret-names.ts', 'seams/terminal-text.ts']],
  ['controller/domain/', ['controller/domain/', 'controller/contract/']],
  ['controller/services/', ['controller/services/', 'controller/domain/', 'controller/contract/', 'proto/', 'seams/']],
  ...['store', 'bus', 'http', 'e2b', 'grpc', 'registry'].map(
    (edge) =>
      [
        `controller/${edge}/`,
        [`controller/${edge}/`, 'controller/contract/', 'controller/services/', 'controller/domain/', 'proto/', 'seams/'],
      ] as const,
  ),
  ['controller/', ['controller/', 'proto/', 'seams/', 'settings/', 'systemd/']],
  ['node-agent/domain/', ['node-agent/domain/']],
  ['node-agent/', ['archive/', 'node-agent/', 'proto/', 'seams/', 'journal/', 'settings/', 'systemd/']],
  ['archive/', ['archive/']],
  ['guest/', ['guest/', 'proto/', 'seams/', 'journal/', 'archive/']],
  ['sdk/', ['sdk/']],
  ['cli/', ['cli/', 'sdk/', 'settings/', 'archive/', 'seams/garbage.ts', 'seams/terminal-text.ts']],
];

/** Packages that only one place may know, so that changing one means changing that place. */
const packages: Readonly<Record<string, readonly string[]>> = {
  'smol-toml': ['settings/config-file.ts'],
  nats: ['controller/bus/nats.ts', 'controller/bus/nats-access.ts'],
  'prom-client': ['seams/prometheus.ts'],
  'better-sqlite3': ['controller/store/sqlite/'],
  kysely: ['controller/store/sqlite/'],
  koa: ['controller/http/'],
  'koa-jwt': ['controller/http/'],
  '@koa/router': ['controller/http/routing/route-table.ts'],
  ws: ['controller/http/upgrades/', 'cli/commands/'],
  dockerode: ['node-agent/engine/docker/'],
  commander: ['cli/'],
  '@grpc/grpc-js': ['proto/', 'controller/grpc/', 'node-agent/control/', 'node-agent/identity/'],
};

/** The real clock, disk and randomness: for the programs' wiring alone. */
const mayWireSystem =
  /(^|\/)(main|controller|rotate)\.ts$|^node-agent\/(run|docker-engine)\.ts$|(^|\/)service\/upgrade\.ts$|^(cli|seams)\/|^controller\/backup\/backup\.ts$/;

function violations(files: readonly SourceFile[]): readonly string[] {
  const found: string[] = [];
  for (const file of files) {
    const allowed = rooms.find(([room]) => file.path.startsWith(room))?.[1] ?? [];
    for (const { target, isLocal, typeOnly } of file.imports) {
      if (isLocal) {
        const isVersion = target === 'package.json' && mayWireSystem.test(file.path);
        if (!isVersion && !allowed.some((room) => target.startsWith(room))) found.push(`${file.path} imports ${target}`);
        if (target === 'seams/system.ts' && !mayWireSystem.test(file.path)) found.push(`${file.path} reaches for ${target}`);
      } else if (file.path.startsWith('controller/domain/') || file.path.startsWith('node-agent/domain/')) {
        // Pure, though not without arithmetic: hashing a value is a function of it.
        if (!typeOnly && target !== 'node:crypto' && target !== 'zod') found.push(`${file.path} imports ${target}`);
      } else {
        const places = packages[target];
        if (places && !places.some((place) => file.path.startsWith(place))) found.push(`${file.path} imports ${target}`);
      }
    }
  }
  return found;
}

/** Files that import one another in a circle, types included. With `loadedOnly`, imports of types do not count. */
function cycles(files: readonly SourceFile[], loadedOnly = false): readonly string[] {
  const imports = new Map(
    files.map((file) => [
      file.path,
      file.imports.filter(({ isLocal, typeOnly }) => isLocal && !(loadedOnly && typeOnly)).map(({ target }) => target),
    ]),
  );
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      found.push([...trail.slice(start), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const target of imports.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of imports.keys()) visit(path, []);
  return found;
}

t.test('imports go one way: main, edges, services, domain; and never from one program into another', async (t) => {
  const files = sourceTree(product);
  t.ok(files.length > 50, 'the sources were found');
  t.same(violations(files), []);
});

t.test('no import cycles: in the product not even of types, elsewhere none at run time', async (t) => {
  t.same(cycles(sourceTree([...product, 'scripts'])), []);
  t.same(cycles(sourceTree([...product, 'scripts', 'bench', 'tests']), true), []);
});

t.test('no folder is called utils, common, helpers or misc, and no file only re-exports others', async (t) => {
  const files = sourceTree([...product, 'scripts', 'bench', 'tests']);
  t.same(
    files.filter(({ path }) => /(^|\/)(utils?|common|helpers?|misc|index)(\.ts$|\/)/.test(path)).map(({ path }) => path),
    [],
  );
  t.same(
    files
      .filter(({ code }) => code.trim() !== '' && code.replace(/export\s+(type\s+)?(\*|\{[^}]*\})\s+from\s+'\s*';?/g, '').trim() === '')
      .map(({ path }) => path),
    [],
  );
});

t.test('a planted violation is found', async (t) => {
  const planted: readonly (readonly [path: string, text: string])[] = [
    ['controller/contract/a.ts', "import type { B } from '../domain/b.ts';"],
    ['controller/domain/a.ts', "import { b } from '../services/b.ts';"],
    ['controller/domain/a.ts', "import { readFile } from 'node:fs/promises';"],
    ['controller/services/a.ts', "import type { Store } from '../store/store.ts';"],
    ['controller/http/a.ts', "import {\n  Store,\n} from '../store/store.ts';"],
    ['node-agent/a.ts', "const x = await import('../controller/main.ts');"],
    ['guest/a.ts', "export { a } from '../node-agent/a.ts';"],
    ['cli/a.ts', "import '../controller/domain/ids.ts';"],
    ['proto/a.ts', "import { b } from '../guest/b.ts';"],
    ['node-agent/guests/relay.ts', "import { systemClock } from '../../seams/system.ts';"],
    ['controller/http/a.ts', "import { connect } from 'nats';"],
  ];
  for (const [path, text] of planted) t.equal(violations([sourceFile(path, text)]).length, 1, `${path}: ${text}`);
  t.same(violations([sourceFile('cli/a.ts', "// import '../controller/main.ts';\nconst text = \"import '../controller/main.ts'\";")]), []);
  const circle = [sourceFile('guest/a.ts', "import { b } from './b.ts';"), sourceFile('guest/b.ts', "import { a } from './a.ts';")];
  t.same(cycles(circle), ['guest/a.ts → guest/b.ts → guest/a.ts']);
  const ofTypes = [sourceFile('guest/a.ts', "import type { b } from './b.ts';"), sourceFile('guest/b.ts', "import { a } from './a.ts';")];
  t.same([cycles(ofTypes).length, cycles(ofTypes, true).length], [1, 0]);
});
