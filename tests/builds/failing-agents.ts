/** Agents whose builds fail, and how. */
import { reach } from '../host/reach.ts';

export interface BadAgent {
  readonly what: string;
  /** Files to upload, or a path of the git server or a whole address. */
  readonly source: Readonly<Record<string, string>> | string;
  /** The stage that fails. */
  readonly stage: 'fetch' | 'install' | 'check';
  readonly error: RegExp;
  /** It prints which of the targets it reached. */
  readonly attacks?: boolean;
}

/** A build that takes longer fails. */
export const BUILD_LIMIT_MS = 25_000;
const LATE = /it took longer than 25 seconds/;

const CODE = 'def process_message(message, context):\n    return message\n';
const commanded = (command: string) => ({
  'main.py': CODE,
  'raworc.json': JSON.stringify({ runtime: 'python', handler: 'main.process_message', build_command: command }),
});
const installing = (postinstall: string) => ({
  'index.mjs': 'export const processMessage = (message) => message;\n',
  'package.json': JSON.stringify({ name: 'bad', version: '1.0.0', scripts: { postinstall } }),
});

/** Each child forks too, and none gives up. */
const FORKS = 'import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n';

/** What repositories of the git server contain, by their paths. */
export const REPOSITORIES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  plain: { 'main.py': CODE },
  manifest: { 'main.py': CODE, 'raworc.json': '{"runtime": "python"\n "handler": "main.process_message"}\n' },
  unknown: { 'main.py': CODE, 'raworc.json': '{"runtime": "cobol", "handler": "main.process_message"}\n' },
};

/** Returns all of them. `targets`: addresses with ports that none can reach. */
export function badAgents(targets: readonly string[], metadata: string): readonly BadAgent[] {
  const attack = Buffer.from(reach(targets)).toString('base64');
  const command = `python3 -c 'exec(__import__("base64").b64decode("${attack}"))'`;
  return [
    { what: 'a repository that does not exist', source: 'nowhere', stage: 'fetch', error: /does not exist or is private/ },
    { what: 'a server that never answers', source: 'never/plain', stage: 'fetch', error: LATE },
    { what: 'a clone from the metadata address', source: `https://${metadata}/team/plain`, stage: 'fetch', error: /cannot be reached/ },
    {
      what: 'a manifest that is no JSON',
      source: 'manifest',
      stage: 'fetch',
      error: /agent bad at \w{12} cannot be built: raworc\.json must contain a JSON object: .* \(line 2 column 2\)/,
    },
    {
      what: 'a manifest with an unknown runtime',
      source: 'unknown',
      stage: 'fetch',
      error: /agent bad at \w{12} cannot be built: raworc\.json: runtime must be python, node or native/,
    },
    {
      what: 'an installation that fails',
      source: installing('echo here is why; exit 3'),
      stage: 'install',
      error: /npm install failed for the agent bad: exit code 3\. Its last lines:\n[\s\S]*here is why/,
    },
    {
      what: 'a handler with a missing module',
      source: { 'main.py': `\nimport nowhere\n${CODE}` },
      stage: 'check',
      error: /No module named 'nowhere' \(main\.py, line 2\)/,
    },
    { what: 'a command without end', source: commanded('sleep 600'), stage: 'install', error: LATE },
    {
      what: 'a handler that loads without end',
      source: { 'main.py': `import time\ntime.sleep(600)\n${CODE}` },
      stage: 'check',
      error: LATE,
    },
    {
      what: 'a command that fills the disk',
      source: commanded('fallocate -l 1700M most && head -c 800000000 /dev/zero > rest'),
      stage: 'install',
      error: /build_command failed for the agent bad: it needs more disk space than builds have/,
    },
    {
      what: 'a command that forks until it cannot',
      source: commanded(`python3 -c 'import os\nwhile True: os.fork()'`),
      stage: 'install',
      error: /build_command failed for the agent bad: exit code 1\. Its last lines:\n[\s\S]*Resource temporarily unavailable/,
    },
    { what: 'a command that forks without end', source: commanded(`python3 -c '${FORKS}'`), stage: 'install', error: LATE },
    { what: 'a handler that forks without end', source: { 'main.py': `${FORKS}${CODE}` }, stage: 'check', error: LATE },
    { what: 'a command that attacks', source: commanded(`${command} && exit 3`), stage: 'install', error: /exit code 3/, attacks: true },
    {
      what: 'an installation that attacks',
      source: installing(`${command} && exit 3`),
      stage: 'install',
      error: /exit code 3/,
      attacks: true,
    },
    {
      what: 'a step of a Dockerfile that attacks',
      source: { 'main.py': CODE, Dockerfile: `FROM raworc/session\nRUN ${command} && exit 3\n` },
      stage: 'install',
      error: /Dockerfile, line 2 failed for the agent bad: exit code 3/,
      attacks: true,
    },
    {
      what: 'a handler that attacks while it is loaded',
      source: { 'main.py': `${reach(targets)}\nraise ImportError("all is tried")\n${CODE}` },
      stage: 'check',
      error: /ImportError: all is tried/,
      attacks: true,
    },
  ];
}
