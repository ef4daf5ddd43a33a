/**
 * The controller's process with one thing more, for tests alone: a port at which GET /{session}/{kind}?path=… is the stream of that kind. It is
 * said on a line "streams.served" of the log.
 */
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { startController } from '../../controller/controller.ts';
import type { SessionId } from '../../controller/domain/engine/ids.ts';
import { readSettings } from '../../controller/settings/settings.ts';
import { LogDecoder } from '../../proto/streams/log-stream.ts';
import { boundGarbage } from '../../seams/garbage.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { barriersIn, jsonLog, systemClock, systemDisk, systemFreeSpace, systemRandom } from '../../seams/system.ts';

process.umask(0o077);
boundGarbage();
const log = jsonLog('controller', 'info');
const settings = readSettings(process.env);
if (!settings.ok) throw new Error(settings.refusal.message);
const controller = await startController({
  ...settings.value,
  directory: join(settings.value.dataDirectory, 'controller'),
  version: 'test',
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  freeSpace: systemFreeSpace,
  log,
  metrics: prometheusMetrics({ processMetrics: true }),
  barriers: barriersIn(process.env.RAWORC_BARRIERS),
  onFatal: () => process.exit(1),
});
const { view, streams } = controller.core;

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
  const [, id = '', kind = ''] = pathname.split('/');
  if (id === 'open') return response.end(JSON.stringify({ open: streams.open, rss: process.memoryUsage().rss }));
  const row = view.get('sessions', id as SessionId);
  const opened = row === undefined ? undefined : await streams.start(row, { kind, parameters: Object.fromEntries(searchParams) });
  if (opened?.ok !== true) return response.writeHead(503).end(JSON.stringify(opened));
  const stream = opened.value;
  stream.end();
  response.on('close', () => stream.destroy());
  stream.on('error', (error) => response.destroy(error));
  (kind === 'lines' ? stream.pipe(decodedLines()) : stream).pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  log.info('streams.served', { port: typeof address === 'object' ? address?.port : undefined });
  log.info('controller.ready', { url: controller.http.url });
});
/** Decodes log lines and passes their text on. */
function decodedLines(): Transform {
  const decoder = new LogDecoder();
  return new Transform({
    transform(bytes: Buffer, _encoding, done) {
      const lines = decoder.decode(bytes).flatMap((logged) => (logged === 'live' ? [] : [`${logged.line}\n`]));
      done(undefined, lines.join(''));
    },
  });
}

process.on('SIGTERM', () => process.exit(0));
