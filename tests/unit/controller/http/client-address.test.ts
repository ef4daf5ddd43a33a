import t from 'tap';
import { ClientAddresses, type ForwardedHeader, proxyList } from '../../../../controller/http/server/client-address.ts';

function addressOf(remoteAddress: string, headers: Record<string, string>, header: ForwardedHeader = 'x-forwarded-for'): string {
  const addresses = new ClientAddresses({ proxies: ['10.0.0.0/8', '192.0.2.7', '2001:db8:ffff::/48'], header });
  return addresses.addressOf({ socket: { remoteAddress }, headers } as never);
}

t.test('the client is the right-most address that is no trusted proxy’s', (t) => {
  const cases: readonly (readonly [peer: string, forwarded: string, client: string])[] = [
    ['10.0.0.1', '203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '198.51.100.1, 203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '203.0.113.9, 10.0.0.2', '203.0.113.9'],
    ['10.0.0.1', '1.1.1.1, 203.0.113.9, 192.0.2.7, 10.9.9.9', '203.0.113.9'],
    ['::ffff:10.0.0.1', '203.0.113.9:4711', '203.0.113.9'],
    ['2001:db8:ffff::1', '[2001:db8:1:2::9]:4711', '2001:db8:1:2::9'],
    ['10.0.0.1', '::ffff:203.0.113.9', '203.0.113.9'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['10.0.0.1', '203.0.113.9, unknown', '10.0.0.1'],
    ['10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
  ];
  for (const [peer, forwarded, client] of cases)
    t.equal(addressOf(peer, { 'x-forwarded-for': forwarded }), client, `${peer} <- ${forwarded}`);
  t.end();
});

t.test('whoever is no trusted proxy names nobody else, and the header that proxies do not set is not read', (t) => {
  t.equal(addressOf('203.0.113.9', { 'x-forwarded-for': '198.51.100.1' }), '203.0.113.9');
  t.equal(addressOf('10.0.0.1', { forwarded: 'for=198.51.100.1', 'x-forwarded-for': '203.0.113.9' }), '203.0.113.9');
  const forwarded = 'for=1.1.1.1;proto=https, For="[2001:db8:1:2::9]:4711";by=10.0.0.1, for=10.0.0.2';
  t.equal(addressOf('10.0.0.1', { forwarded, 'x-forwarded-for': '9.9.9.9' }, 'forwarded'), '2001:db8:1:2::9');
  t.equal(addressOf('10.0.0.1', { forwarded: 'for=203.0.113.9, for=_hidden' }, 'forwarded'), '10.0.0.1');
  t.end();
});

t.test('what a client sends as its host, or leaves open, names nobody else in Forwarded', (t) => {
  const cases = [
    ['for=203.0.113.9;host="a,for=6.6.6.6";proto=https', '203.0.113.9'],
    ['host="a;for=6.6.6.6";for=203.0.113.9', '203.0.113.9'],
    ['for=203.0.113.9;host="a\\",for=6.6.6.6"', '203.0.113.9'],
    ['for=203.0.113.9;host="a\\\\"', '203.0.113.9'],
    ['for="6.6.6.6, for=203.0.113.9', '203.0.113.9'],
    ['for=6.6.6.6;host="a, for=203.0.113.9;host="b"', '203.0.113.9'],
    ['for=203.0.113.9;host=a;for=6.6.6.6', '10.0.0.1'],
  ] as const;
  for (const [forwarded, client] of cases) t.equal(addressOf('10.0.0.1', { forwarded }, 'forwarded'), client, forwarded);
  t.end();
});

t.test('a range that is none is named', (t) => {
  for (const wrong of ['10.0.0.0/33', 'proxy.example', '10.0.0.0/', '::/129', '10.0.0.0/8/8'])
    t.throws(() => proxyList([wrong]), /is not an IP address/, wrong);
  t.end();
});
