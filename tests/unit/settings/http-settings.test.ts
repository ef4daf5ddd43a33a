import t from 'tap';
import { isLoopback, readHttpSettings } from '../../../controller/settings/http-settings.ts';

const tls = { RAWORC_TLS_CERT_FILE: '/c.pem', RAWORC_TLS_KEY_FILE: '/k.pem' };

t.test('plain HTTP is served to this machine only, unless more is asked for', async (t) => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', undefined])
    t.match(readHttpSettings({ RAWORC_HTTP_HOST: host }), { host: host ?? '127.0.0.1', tls: undefined });
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'raworc.example', '127.example', '::ffff:10.0.0.1']) {
    const plain = () => readHttpSettings({ RAWORC_HTTP_HOST: host });
    t.throws(plain, { message: new RegExp(`${host} without TLS.*RAWORC_TLS_CERT_FILE.*RAWORC_HTTP_ALLOW_PLAIN=1`) }, host);
    t.match(readHttpSettings({ RAWORC_HTTP_HOST: host, RAWORC_HTTP_ALLOW_PLAIN: '1' }), { host, tls: undefined });
    t.match(readHttpSettings({ RAWORC_HTTP_HOST: host, ...tls }), { host, tls: { certFile: '/c.pem', keyFile: '/k.pem' } });
  }
  t.notOk(isLoopback('127.example'), 'a name');
});

t.test('a certificate without a key, or the reverse, is refused', async (t) => {
  for (const name of ['RAWORC_TLS_CERT_FILE', 'RAWORC_TLS_KEY_FILE']) t.throws(() => readHttpSettings({ [name]: '/x' }), /Set both/);
});
