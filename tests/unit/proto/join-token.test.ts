import t from 'tap';
import { encodeJoinToken, type JoinToken, parseJoinToken } from '../../../proto/join-token.ts';

const token: JoinToken = {
  joinAddresses: ['controller.example.org:7402', '[2001:db8::1]:7402'],
  nodeAddresses: ['10.0.0.1:7401'],
  caHash: 'ab'.repeat(32),
  id: 'token-1',
  secret: 's3cret_-',
};

t.test('a token decodes to its contents, also with white space from copying', async (t) => {
  const text = encodeJoinToken(token);
  t.match(text, /^rwn_[A-Za-z0-9_-]+$/);
  t.strictSame(parseJoinToken(text), { ok: true, token });
  t.strictSame(parseJoinToken(`  ${text}\n`), { ok: true, token });
});

t.test('an invalid token is refused with a message that does not contain it', async (t) => {
  const text = encodeJoinToken(token);
  const packed = (value: unknown) => `rwn_${Buffer.from(JSON.stringify(value)).toString('base64url')}`;
  const parts = { a: token.joinAddresses, n: token.nodeAddresses, h: token.caHash, i: token.id, s: token.secret };
  t.ok(parseJoinToken(packed(parts)).ok);
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    ['hello', /starts with rwn_/],
    [text.slice(4), /starts with rwn_/],
    ['rwn_', /invalid characters/],
    [`${text}!`, /invalid characters/],
    [`rwn_${'A'.repeat(5000)}`, /invalid characters/],
    [text.slice(0, -9), /incomplete or damaged/],
    [packed('text'), /damaged, or comes from another version/],
    [packed({ ...parts, h: 'short' }), /damaged/],
    [packed({ ...parts, a: [] }), /damaged/],
    [packed({ ...parts, a: ['host'] }), /damaged/],
    [packed({ ...parts, a: ['host:0'] }), /damaged/],
    [packed({ ...parts, a: ['host:70000'] }), /damaged/],
    [packed({ ...parts, a: ['http://host:1'] }), /damaged/],
    [packed({ ...parts, n: ['a b:1'] }), /damaged/],
    [packed({ ...parts, s: undefined }), /damaged/],
  ];
  for (const [input, problem] of cases) {
    const parsed = parseJoinToken(input);
    t.ok(!parsed.ok && problem.test(parsed.problem) && !parsed.problem.includes(token.secret), input.slice(0, 40));
  }
});

t.test('a token that no node could use is not encoded', async (t) => {
  t.throws(() => encodeJoinToken({ ...token, nodeAddresses: ['no port'] }), /n\.0 is invalid/);
  t.throws(() => encodeJoinToken({ ...token, caHash: '' }), /h is invalid/);
});
