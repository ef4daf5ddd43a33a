/** What a Dockerfile says, and what it cannot ask for. */
import t from 'tap';
import { copyLine, parseDockerfile } from '../../../../node-agent/domain/installs/dockerfile.ts';
import { ownImageOf } from '../../../../node-agent/domain/installs/own-image.ts';

const said = (text: string): string => {
  const parsed = parseDockerfile(text);
  if (!parsed.ok) return parsed.reason;
  return parsed.stages
    .map(({ name, from, steps }) => {
      const shown = steps.map((step) =>
        step.kind === 'run' ? `run ${step.argv.join('|')}` : `engine ${step.shown.replaceAll('\n', '; ')}`,
      );
      return [`${name ?? '-'} from ${from}`, ...shown].join('\n');
    })
    .join('\n');
};

const READ: readonly (readonly [what: string, text: string, expected: string])[] = [
  ['one line', 'FROM raworc/session', '- from raworc/session'],
  [
    'programs',
    'FROM a\nRUN apt-get update && \\\n    # why\n    apt-get install x',
    '- from a\nrun /bin/sh|-c|apt-get update &&     apt-get install x',
  ],
  ['a list', 'from a\nrun ["x", "y z"]', '- from a\nrun x|y z'],
  ['a shell', 'FROM a\nSHELL ["/bin/bash", "-ec"]\nRUN x\nFROM b\nRUN y', '- from a\nrun /bin/bash|-ec|x\n- from b\nrun /bin/sh|-c|y'],
  ['a cache', 'FROM a\nRUN --mount=type=cache,target=/x make', '- from a\nrun /bin/sh|-c|make'],
  [
    'a cache, its kind last',
    'FROM a\nRUN --mount=target=$HOME/x,id=y,type=cache --mount=type=cache,target=/z make',
    '- from a\nrun /bin/sh|-c|make',
  ],
  [
    'how it starts is left out',
    'FROM a\nENTRYPOINT ["x"]\nCMD y\nUSER 1\nVOLUME /v\nHEALTHCHECK CMD z\nLABEL raworc.image=base\nEXPOSE 80',
    '- from a\nengine USER 1',
  ],
  [
    'stages',
    'FROM a AS Build\nFROM b\nCOPY --from=build --chown=1:1 /x /y',
    'build from a\n- from b\nengine COPY --from=build --chown=1:1 /x /y',
  ],
  [
    'arguments',
    'ARG V=3\nFROM a:$V\nARG V\nARG W="2"\nRUN x\nENV Y=$W',
    "- from a:3\nrun /usr/bin/env|V=3|W=2|/bin/sh|-c|x\nengine ARG V='3'; ARG W='2'; ENV Y=$W",
  ],
  ['Windows line ends', 'FROM a\r\nRUN x\r\n', '- from a\nrun /bin/sh|-c|x'],
];

const REFUSED: readonly (readonly [text: string, expected: RegExp])[] = [
  ['RUN x', /line 1: RUN stands before the first FROM/],
  ['', /line 1: it has no FROM/],
  ['FROM a\n\nRUN --mount=type=secret,id=x cat', /line 3: RUN --mount=type=secret,id=x is not supported/],
  ['FROM a\nRUN --mount=type=cache,target=/x --mount=type=ssh y', /RUN --mount=type=ssh is not supported/],
  [
    'FROM a\nRUN --mount=type=bind,from=b,target=/x y',
    /RUN --mount=type=bind,from=b,target=\/x is not supported: COPY the files, from a stage if another step makes them/,
  ],
  ['FROM a\nRUN --mount=target=/x y', /RUN --mount=target=\/x is not supported: COPY the files/],
  [
    'FROM a\nRUN --mount=type=tmpfs,target=/x y',
    /line 2: RUN --mount=type=tmpfs,target=\/x is not supported: write temporary files to \/run/,
  ],
  // The engine would take the last one.
  [
    'FROM a\nRUN --mount=type=cache,type=secret,id=x y',
    /RUN --mount=type=cache,type=secret,id=x is not supported: builds reach no secrets/,
  ],
  ['FROM a\nRUN --mount=type=cache,"type=secret" y', /is not supported: builds reach no secrets/],
  ['FROM a\nRUN --mount=type=cachet y', /is not supported/],
  ['FROM a\nRUN --device=x y', /RUN --device=x is not supported/],
  ['FROM a\nRUN --security=insecure x', /RUN --security=insecure is not supported/],
  ['FROM a\nRUN --network=host x', /RUN --network=host is not supported/],
  ['FROM --platform=linux/arm64 a', /FROM --platform=linux\/arm64 is not supported/],
  ['FROM $X', /FROM \$X has a variable without a value/],
  ['FROM a\nADD https://example.com/x /x', /ADD with a URL, a variable or quotes is not supported: download files with RUN, or COPY them/],
  ['FROM a\nADD ["git@example.com:x", "/x"]', /ADD with a URL/],
  // The engine takes off quotes and backslashes and replaces variables before it looks for a URL.
  ["FROM a\nADD 'http://192.0.2.1/x' /x", /ADD with a URL/],
  ['FROM a\nADD h"tt"p://192.0.2.1/x /x', /ADD with a URL/],
  ['FROM a\nADD h\\ttp\\://192.0.2.1/x /x', /ADD with a URL/],
  ['FROM a\nENV U=http\nADD $U://192.0.2.1/x /x', /ADD with a URL/],
  ['FROM a\nARG U=http://192.0.2.1/x\nADD $U /x', /ADD with a URL, a variable/],
  ['FROM a\nADD ["\\u0068ttp://192.0.2.1/x", "/x"]', /ADD with a URL/],
  ['FROM a\nADD ["http://192.0.2.1/x", "/x"] more', /ADD with a URL/],
  // It also reads these as --from, which would copy from any image of the host.
  ['FROM a\nCOPY --"from=b" /x /y', /COPY --"from=b" is not supported/],
  ['FROM a\nCOPY --fr\\om=b /x /y', /COPY --fr\\om=b is not supported/],
  ["FROM a\nCOPY --chown=1'' --from=b /x /y", /COPY --chown=1'' is not supported/],
  ['FROM a\nFROM b\nCOPY --from=0 --from=x /x /y', /COPY has several --from/],
  // Engines do these only with BuildKit.
  ['FROM a\nCOPY --chmod=755 x /y', /line 2: COPY --chmod=755 is not supported: change modes with a RUN after it/],
  ['FROM a\nADD --chmod=u+x x /y', /ADD --chmod=u\+x is not supported: change modes/],
  ['FROM a\n\nCOPY --link x /y', /line 3: COPY --link is not supported: leave it out/],
  ['FROM a\nFROM b\nCOPY --link=true --from=0 x /y', /COPY --link=true is not supported: leave it out/],
  ['FROM a\nCOPY --parents x/./y /z', /COPY --parents is not supported: COPY each directory to its own target/],
  [
    'FROM a\nCOPY --exclude=*.md . /y',
    /COPY --exclude=\*\.md is not supported: remove the files with a RUN after it, or name those to copy/,
  ],
  ['FROM a\nADD --checksum=sha256:12 x /y', /ADD --checksum=sha256:12 is not supported: download files with RUN, and check them there/],
  ['FROM a\nADD --keep-git-dir=true x /y', /ADD --keep-git-dir=true is not supported: clone the repository with RUN/],
  ['FROM a\nADD --unpack=false x /y', /ADD --unpack=false is not supported: unpack archives with RUN/],
  ['FROM a\nCOPY --constructor x /y', /COPY --constructor is not supported$/],
  ['FROM a\nCOPY <<EOF /x\ny\nEOF', /line 2: COPY with a here-document is not supported: write a script and COPY it/],
  ['FROM a\nCOPY <<"EOF" /x\ny\nEOF', /COPY with a here-document/],
  ['FROM a\nADD <<-EOF /x\ny\nEOF', /ADD with a here-document/],
  ['FROM a\nRUN python3 <<EOF\nx\nEOF', /RUN with a here-document/],
  ['FROM a\nONBUILD RUN x', /ONBUILD is not supported/],
  ['FROM a\nRUN <<EOF\nx\nEOF', /RUN with a here-document is not supported/],
  ['FROM a\nCOPY x', /COPY needs at least a source and a target/],
  ["FROM a\nARG X=a'b", /ARG X cannot refer to others or contain quotes/],
  ['# escape=`\nFROM a', /the escape directive is not supported/],
  [`FROM a\n${'RUN x\n'.repeat(200)}`, /it has more than 200 instructions/],
];

t.test('instructions', async (t) => {
  for (const [what, text, expected] of READ) t.equal(said(text), expected, what);
  for (const [text, expected] of REFUSED) t.match(said(text), expected);
});

t.test('the engine gets what was understood of a COPY, and nothing else', async (t) => {
  const linesIn = (text: string) => {
    const parsed = parseDockerfile(text);
    if (!parsed.ok) return parsed.reason;
    return parsed.stages.flatMap(({ steps }) =>
      steps.flatMap((step) => (step.kind === 'engine' && step.copies !== undefined ? copyLine(step.copies, 'sha256:1') : [])),
    );
  };
  t.strictSame(linesIn('FROM a\nCOPY --chown=1:1 --from=0 x y /z'), ['COPY --from=sha256:1 --chown=1:1 ["x","y","/z"]']);
  t.strictSame(linesIn('FROM a\nCOPY  --from=0  ["a b", "c"]'), ['COPY --from=sha256:1 ["a b","c"]']);
  t.strictSame(linesIn('FROM a\nCOPY ["a", "b"] c'), ['COPY --from=sha256:1 ["[\\"a\\",","\\"b\\"]","c"]']);
});

t.test('a text made to be slow is read in one go', async (t) => {
  const n = 256 * 1024;
  for (const text of [
    `FROM a\nRUN ${'--mount=type=cache '.repeat(n / 20)}x`,
    `FROM ${'$'.repeat(n)}`,
    `FROM a\nCOPY ${'--x '.repeat(n / 4)}`,
    '\\\n'.repeat(n),
  ])
    t.type(said(text), 'string');
});

t.test('which image an agent brings', async (t) => {
  const of = (files: Readonly<Record<string, string>>) =>
    ownImageOf(new Map(Object.entries(files).map(([path, text]) => [path, { sha256: '', text }])));
  t.match(of({ 'main.py': '' }), { kind: 'none' });
  t.same(of({ Dockerfile: 'FROM a' }), { kind: 'dockerfile', text: 'FROM a', isAsked: false });
  t.match(of({ Dockerfile: 'FROM a', 'raworc.json': '{"dockerfile":true}' }), { isAsked: true });
  t.match(of({ Dockerfile: 'FROM a', 'raworc.json': '{"dockerfile":false}' }), { kind: 'none' });
  t.match(of({ 'raworc.json': '{"base_image":"debian:12-slim"}' }), { kind: 'dockerfile', text: 'FROM debian:12-slim\n' });
  t.match(of({ 'raworc.json': '{"base_image":"a\\nRUN x"}' }), { kind: 'refused', reason: /no name of an image/ });
  t.match(of({ 'raworc.json': '{"dockerfile":true}' }), { kind: 'refused', reason: /there is none/ });
  t.match(of({ Dockerfile: '', 'raworc.json': '{"dockerfile":true,"base_image":"a"}' }), { kind: 'refused', reason: /both/ });
});
