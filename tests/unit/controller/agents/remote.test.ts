import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { isBranch, isRepository, isRepositoryDirectory } from '../../../../controller/contract/repository.ts';
import { type Credential, readCredential, remoteOf } from '../../../../controller/domain/agents/remote.ts';

t.test('forms of repositories, and how git reaches each', async (t) => {
  const table: [repository: string, credential: Credential['kind'] | undefined, url: string | RegExp][] = [
    ['owner/repo', undefined, 'https://github.com/owner/repo'],
    ['owner/repo', 'token', 'https://github.com/owner/repo'],
    ['owner/repo', 'key', 'ssh://git@github.com/owner/repo'],
    ['git.example.com/owner/repo.git', undefined, 'https://git.example.com/owner/repo.git'],
    ['git.example.com/group/sub/repo', 'key', 'ssh://git@git.example.com/group/sub/repo'],
    ['git.example.com/repo', undefined, 'https://git.example.com/repo'],
    ['git.sr.ht/~someone/repo', undefined, 'https://git.sr.ht/~someone/repo'],
    ['https://git.example.com:8443/a/b/', 'token', 'https://git.example.com:8443/a/b'],
    ['https://git@git.example.com/a/b', undefined, 'https://git.example.com/a/b'],
    ['http://git.example.com/a/b', undefined, 'http://git.example.com/a/b'],
    ['git://git.example.com/a/b', undefined, 'git://git.example.com/a/b'],
    ['ssh://git.example.com:2222/a/b', 'key', 'ssh://git@git.example.com:2222/a/b'],
    ['git@git.example.com:a/b', 'key', 'ssh://git@git.example.com/a/b'],
    ['https://git.example.com/a/b', 'key', /private key.*not reached by SSH/],
    ['git@git.example.com:a/b', 'token', /token.*reached by SSH/],
    ['http://git.example.com/a/b', 'token', /unencrypted/],
    ['git://git.example.com/a/b', 'token', /unencrypted/],
  ];
  for (const [repository, credential, expected] of table) {
    t.ok(isRepository(repository), repository);
    const remote = remoteOf(repository, credential);
    if (typeof expected === 'string') t.match(remote, { ok: true, value: { url: expected } }, repository);
    else t.match(remote, { ok: false, refusal: { message: expected } }, repository);
  }
});

t.test('no options, local paths, other transports or passwords', async (t) => {
  const refused = [
    ...['', 'repo', '/etc/x', './x/y', '../x/y', 'a/../b', '-x/y', 'owner/-x', '--upload-pack=x/y', 'file:///etc', 'ext::sh -c x/y'],
    ...['ftp://h/a', 'https://a:b@h/x', 'https://user@h/x', 'ssh://-oProxyCommand=x/a', 'git@-oProxyCommand=x:a', 'a/b c', 'a/b\nc'],
    ...['owner/group/repo', 'https://h/a?b=c', 'https://h/a#b', 'HTTPS://h/a', 'https://h/a/../b', 'fd::17/x'],
  ];
  for (const text of refused) t.notOk(isRepository(text), text);
  for (const text of ['main', 'feature/x', 'v1.2', 'HEAD', 'refs/pull/1/head', 'a'.repeat(40)]) t.ok(isBranch(text), text);
  for (const text of ['-x', '--upload-pack=x', 'a..b', 'a b', 'a:b', 'x@{1}', 'a*', 'a\nb', '']) t.notOk(isBranch(text), text);
  for (const text of ['a', 'a/b c/d.e', 'ä/']) t.ok(isRepositoryDirectory(text), text);
  for (const text of ['', '/a', 'a/../b', '..', './a', '-a', 'a//b', 'a:b', 'a\nb', 'a\\b']) t.notOk(isRepositoryDirectory(text), text);
});

t.test('a secret is a token, a user and a token, or a private key with known hosts', async (t) => {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim();
  t.match(readCredential('ghp_x\n'), { ok: true, value: { kind: 'token', username: 'x-access-token', password: 'ghp_x' } });
  t.match(readCredential('me:a:b'), { ok: true, value: { username: 'me', password: 'a:b' } });
  t.match(readCredential(`${pem.replaceAll('\n', '\r\n')}\r\nhost ssh-ed25519 AAAA`), {
    ok: true,
    value: { kind: 'key', privateKey: `${pem}\n`, knownHosts: 'host ssh-ed25519 AAAA\n' },
  });
  const encrypted = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString();
  t.match(readCredential(encrypted), { ok: false, refusal: { message: /passphrase/ } });
  const openssh = (cipher: string) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(cipher.length);
    const body = Buffer.concat([Buffer.from('openssh-key-v1\0'), length, Buffer.from(cipher), Buffer.alloc(20)]).toString('base64');
    return `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----`;
  };
  t.match(readCredential(openssh('aes256-ctr')), { ok: false, refusal: { message: /passphrase/ } });
  t.match(readCredential(openssh('none')), { ok: true, value: { kind: 'key', knownHosts: '' } });
  for (const text of ['', 'two words', 'a\nb'])
    t.match(readCredential(text), { ok: false, refusal: { message: /neither a private key/ } }, text);
});
