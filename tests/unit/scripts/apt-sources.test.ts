import t from 'tap';
import { mirrorOf, parseDeb822, parseList } from '../../../scripts/image/apt-sources.ts';

t.test('one-line sources: options, comments, source packages', async (t) => {
  const text = `
# deb http://no.example/debian bookworm main
deb http://deb.example/debian bookworm main contrib # the mirror
deb-src http://deb.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://a.example/apt stable main
  deb [ trusted=yes ] file:/srv/apt ./
`;
  t.same(parseList(text), [
    { uri: 'http://deb.example/debian', suite: 'bookworm', components: ['main', 'contrib'], trusted: false },
    { uri: 'https://a.example/apt', suite: 'stable', components: ['main'], trusted: false, signedBy: '/usr/share/keyrings/a.gpg' },
    { uri: 'file:/srv/apt', suite: './', components: [], trusted: true },
  ]);
});

t.test('deb822 sources: several stanzas, URIs, suites, embedded keys, what is switched off', async (t) => {
  const text = `# a comment
Types: deb deb-src
URIs: http://one.example/ubuntu
  http://two.example/ubuntu
Suites: noble noble-updates
# in between
Components: main universe
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
URIs: http://three.example/x
Suites: noble
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: http://off.example
Suites: noble
Components: main

Types: deb-src
URIs: http://src.example
Suites: noble
`;
  const found = parseDeb822(text);
  t.same(
    found.map(({ uri, suite }) => `${uri} ${suite}`),
    [
      'http://one.example/ubuntu noble',
      'http://one.example/ubuntu noble-updates',
      'http://two.example/ubuntu noble',
      'http://two.example/ubuntu noble-updates',
      'http://three.example/x noble',
    ],
  );
  t.equal(found[0]?.signedBy, '/usr/share/keyrings/ubuntu-archive-keyring.gpg');
  t.equal(found[4]?.signedBy, undefined);
});

t.test('the mirror is the first that holds the release itself', async (t) => {
  const sources = parseList(`deb http://x.example bookworm-updates main
deb cdrom:[Debian]/ bookworm main
deb http://other.example bookworm contrib
deb http://mirror.example bookworm main
deb http://later.example bookworm main`);
  t.equal(mirrorOf('bookworm', sources)?.uri, 'http://mirror.example');
  t.equal(mirrorOf('noble', sources), undefined);
});
