import { connect } from 'node:net';
import { faultsOfAny } from '../contract/judge.ts';
import { BASE, LIMIT_MS } from './constants.ts';

const line = (text: string) => `${text}\r\n`;
const host = line('Host: localhost');
const path = `${BASE}/version`;

/** What no client library would send, with the statuses that may answer it. */
const CASES: readonly (readonly [name: string, text: string, ...statuses: number[]])[] = [
  ['no Host', line(`GET ${path} HTTP/1.1`) + line(''), 400],
  ['two Hosts', line(`GET ${path} HTTP/1.1`) + host + host + line(''), 400],
  ['an unknown method', line(`FETCH ${path} HTTP/1.1`) + host + line(''), 400, 405],
  ['a method in small letters', line(`get ${path} HTTP/1.1`) + host + line(''), 400, 405],
  ['CONNECT', line('CONNECT example.com:443 HTTP/1.1') + host + line(''), 405],
  ['an upgrade', line(`GET ${path} HTTP/1.1`) + host + line('Connection: Upgrade') + line('Upgrade: websocket') + line(''), 200, 400],
  [
    'an expectation that nobody meets',
    `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Expect: a miracle') + line('Content-Length: 2') + line('')}{}`,
    417,
    422,
  ],
  [
    'Expect: 100-continue',
    `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Expect: 100-continue') + line('Content-Length: 2') + line('')}{}`,
    422,
  ],
  ['a space in the path', line(`GET ${BASE}/ver sion HTTP/1.1`) + host + line(''), 400],
  ['UTF-8 in the path', line(`GET ${BASE}/spaces/é💥 HTTP/1.1`) + host + line(''), 400, 404, 401],
  ['an absolute address', line(`GET http://elsewhere${path} HTTP/1.1`) + host + line(''), 200, 400, 404],
  ['an asterisk', line('OPTIONS * HTTP/1.1') + host + line(''), 204, 400, 404],
  ['an empty path', line('GET  HTTP/1.1') + host + line(''), 400],
  [
    'two lengths',
    `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Content-Length: 2') + line('Content-Length: 3') + line('')}{}`,
    400,
  ],
  [
    'length and chunks',
    `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Content-Length: 2') + line('Transfer-Encoding: chunked') + line('')}{}`,
    400,
  ],
  ['a length that is none', `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Content-Length: two') + line('')}{}`, 400],
  [
    'chunks that are none',
    `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Transfer-Encoding: chunked') + line('')}zz\r\n{}\r\n`,
    400,
  ],
  [
    'an encoding that is none',
    `${line(`POST ${BASE}/auth/login HTTP/1.1`) + host + line('Transfer-Encoding: rot13') + line('')}{}`,
    400,
    501,
  ],
  ['a header without a colon', line(`GET ${path} HTTP/1.1`) + host + line('nonsense') + line(''), 400],
  ['a NUL in a header', line(`GET ${path} HTTP/1.1`) + host + line('X-A: a\0b') + line(''), 400],
  ['headers that are too large', line(`GET ${path} HTTP/1.1`) + host + line(`X-A: ${'x'.repeat(20_000)}`) + line(''), 431],
  ['HTTP/3.7', line(`GET ${path} HTTP/3.7`) + host + line(''), 400],
  ['HTTP/1.0', line(`GET ${path} HTTP/1.0`) + line(''), 200],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 400],
  ['a TLS greeting', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
];

/** Sends each, and says what was wrong with the answers. */
export async function unreadable(url: string): Promise<string[]> {
  const failures: string[] = [];
  for (const [name, text, ...statuses] of CASES) {
    const answer = await exchange(url, text);
    const got = parse(answer);
    if (got === undefined) failures.push(`${name}: no answer (${JSON.stringify(answer.slice(0, 100))})`);
    else {
      if (!statuses.includes(got.status)) failures.push(`${name}: ${got.status} ${got.text}`);
      failures.push(...faultsOfAny(got, false).map((fault) => `${name}: ${got.status}, ${fault}`));
    }
  }
  return failures;
}

/** All that comes within the limit, or until the other side has ended or has said something whole. */
function exchange(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    let answer = '';
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(finish, LIMIT_MS);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (parse(answer) !== undefined) finish();
    });
    socket.on('end', finish).on('error', (fault) => (answer === '' ? reject(fault) : finish()));
  });
}

/** Undefined until all of the body is there. */
function parse(answer: string) {
  const after = answer.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const [head = '', ...rest] = after.split('\r\n\r\n');
  if (rest.length === 0) return undefined;
  const text = rest.join('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
  );
  if (Buffer.byteLength(text) < Number(headers['content-length'] ?? 0)) return undefined;
  return { status: Number(first.split(' ')[1]), headers, text };
}
