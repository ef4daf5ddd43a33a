/** What a build's log keeps of what programs print, and what it keeps out. */
import t from 'tap';
import { BuildLog } from '../../../../node-agent/builds/build-log.ts';
import { LOG_BOUNDS, type LogLine, MAX_LOG_CHARACTERS } from '../../../../proto/streams/build-log.ts';
import { HandClock } from '../../hand-clock.ts';

const never = new AbortController().signal;
const printed = (log: BuildLog, text: string | Uint8Array) => log.output(Buffer.from(text));

async function all(log: BuildLog): Promise<readonly LogLine[]> {
  log.end();
  const lines: LogLine[] = [];
  for await (const some of log.lines(never)) lines.push(...some);
  return lines;
}
const texts = async (log: BuildLog) => (await all(log)).map(({ line }) => line);

t.test('lines are kept with their stage, as a terminal would show them', async (t) => {
  const log = new BuildLog(new HandClock());
  log.stage('fetch');
  log.print('Cloning');
  printed(log, 'Receiving 10 %\rReceiving 100 %\n\u001b[31mred\u001b[0m and ');
  printed(log, Buffer.from('gr\u00fcn\ta').subarray(0, 3));
  printed(log, Buffer.from('gr\u00fcn\ta').subarray(3));
  log.stage('install');
  printed(log, 'unfinished \u0007');
  t.strictSame(
    (await all(log)).map(({ stage, line }) => [stage, line]),
    [
      ['fetch', 'Cloning'],
      ['fetch', 'Receiving 100 %'],
      ['fetch', 'red and gr\u00fcn    a'],
      ['install', 'unfinished \\u0007'],
    ],
  );
});

t.test('no secret is in the log, however it is printed', async (t) => {
  const log = new BuildLog(new HandClock());
  const token = 'tok/en+with:signs';
  log.mask(token);
  log.mask('-----BEGIN KEY-----\nAAAABBBBCCCC\n-----END KEY-----\n');
  for (const piece of ['https://user:tok/en+wi', 'th:signs@host\n', `${encodeURIComponent(token)}\n`]) printed(log, piece);
  printed(log, `${Buffer.from(token).toString('base64')}\nkey AAAABBBBCCCC end\n`);
  log.print(`fatal: ${token} is invalid`);
  t.equal(log.masked(`error ${token}`), 'error ***');
  t.strictSame(await texts(log), ['https://user:***@host', '***', '***', 'key *** end', 'fatal: *** is invalid']);
});

t.test('a program that prints without end leaves its first and last lines, and says what is left out', async (t) => {
  const log = new BuildLog(new HandClock());
  const LINES = 200_000;
  for (let from = 0; from < LINES; from += 1000)
    printed(log, Array.from({ length: 1000 }, (_, at) => `line ${from + at} of the output\n`).join(''));
  const lines = await texts(log);
  const size = lines.reduce((sum, line) => sum + line.length, 0);
  t.ok(size < MAX_LOG_CHARACTERS, `${size} characters`);
  t.equal(lines[0], 'line 0 of the output');
  t.equal(lines.at(-1), `line ${LINES - 1} of the output`);
  const said = lines.find((line) => line.includes('left out'));
  const counted = Number(/(\d+) lines/.exec(said ?? '')?.[1]);
  t.equal(lines.length - 2 + counted, LINES, 'every line is there or counted');
});

t.test('a line without an end is cut, and the next one is whole', async (t) => {
  const log = new BuildLog(new HandClock());
  for (let at = 0; at < 1000; at += 1) printed(log, 'x'.repeat(1024));
  printed(log, '\nnext\n');
  printed(log, `${'y'.repeat(10_000)}\n`);
  const [unbroken, next, cut] = await texts(log);
  t.match(unbroken, /left out/);
  t.equal(next, 'next');
  t.equal(cut?.length, 4096);
});

t.test('a reader gets lines as they come, and ends with the log', async (t) => {
  const log = new BuildLog(new HandClock());
  const reader = log.lines(never);
  const first = reader.next();
  printed(log, 'one\n');
  t.equal((await first).value?.[0]?.line, 'one');
  const second = reader.next();
  log.end();
  log.print('too late');
  t.strictSame((await second).value, [], 'the end of the log, which was short');
  t.equal((await reader.next()).done, true);
  t.ok(LOG_BOUNDS.head > LOG_BOUNDS.tail);
});

t.test('a reader that goes away leaves nothing behind', async (t) => {
  const log = new BuildLog(new HandClock());
  const leaving = new AbortController();
  const next = log.lines(leaving.signal).next();
  leaving.abort();
  t.equal((await next).done, true);
});
