import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { machineSources } from '../../../scripts/image/bootstrap-image.ts';

/** apt's directory with these files. */
function apt(t: Test, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), 'raworc-apt-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, 'sources.list.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

t.test('of one-line sources, the lines of the release and its updates are kept', async (t) => {
  const kept = [
    'deb http://deb.example/debian bookworm main contrib # the mirror',
    'deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://deb.example/debian bookworm-updates main',
    '  deb [ trusted=yes ] file:/srv/apt bookworm main',
    'deb http://security.example/debian bookworm-security main',
    'deb http://deb.example/debian bookworm universe',
  ];
  const directory = apt(t, {
    'sources.list': [
      '# deb http://no.example/debian bookworm main',
      ...kept.slice(0, 3),
      'deb-src http://deb.example/debian bookworm main',
      'deb cdrom:[Debian]/ bookworm main',
      'deb http://apt.example bookworm-pgdg main',
    ].join('\n'),
    'sources.list.d/more.list': [
      ...kept.slice(3),
      'deb https://docker.example/debian bookworm stable',
      'deb https://a.example stable main',
    ].join('\n'),
    'sources.list.d/more.list.bak': 'deb http://old.example bookworm main',
  });
  t.same([...machineSources('bookworm', directory)], [['mirror.list', `${kept.join('\n')}\n`]]);
  t.equal(machineSources('noble', directory).size, 0);
  t.equal(machineSources('', directory).size, 0, 'a system without a release name has no mirror');
});

t.test('of deb822 sources, the stanzas of the release are kept as they are', async (t) => {
  const kept = [
    `# a comment
Types: deb deb-src
URIs: http://one.example/ubuntu
  http://two.example/ubuntu
Suites: noble noble-updates
# in between
Components: main universe
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg`,
    `Types: deb
URIs: http://three.example/x
Suites: noble-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc`,
  ];
  const others = [
    'Types: deb\nURIs: https://a.example\nSuites: nodistro\nComponents: main',
    'Types: deb\nURIs: https://b.example\nSuites: noble\nComponents: stable',
  ];
  const directory = apt(t, { 'sources.list': '', 'sources.list.d/ubuntu.sources': [kept[0], ...others, kept[1]].join('\n\n') });
  t.same([...machineSources('noble', directory)], [['mirror.sources', `${kept.join('\n\n')}\n`]]);
});
