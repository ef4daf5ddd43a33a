/** A controller in a process of its own, forked by controller.ts: RAWORC_TEST_DIRECTORY is its directory. Ends with its channel. */
import process from 'node:process';
import { startController } from '../../controller/controller.ts';
import { noBarriers } from '../../seams/barrier.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { systemClock, systemDisk, systemFreeSpace, systemRandom } from '../../seams/system.ts';
import { UNBOUNDED } from '../unbounded-budgets.ts';

const tell = (message: object) => process.send?.(message);
const logged = (level: string) => (event: string, fields?: object) => tell({ level, event, fields: fields ?? {} });
const controller = await startController({
  directory: process.env.RAWORC_TEST_DIRECTORY ?? '',
  http: { host: '127.0.0.1', port: 0 },
  nodes: { host: '127.0.0.1', port: 0, joinPort: 0, advertise: ['127.0.0.1'] },
  budgets: UNBOUNDED,
  nats: undefined,
  baseImage: 'raworc/session:size',
  adminPassword: 'a password of the size tests',
  corsOrigins: [],
  version: '0.0.0-size',
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  freeSpace: systemFreeSpace,
  log: { debug: () => undefined, info: logged('info'), warn: logged('warn'), error: logged('error') },
  barriers: noBarriers,
  metrics: prometheusMetrics({ processMetrics: true }),
  onFatal: (error) => tell({ level: 'error', event: 'fatal', fields: { error: String(error) } }),
});

let peakBytes = 0;
setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage.rss());
}, 20).unref();

process.on('message', (what) => {
  if (what === 'peak') {
    tell({ peakBytes: Math.max(peakBytes, process.memoryUsage.rss()) });
    peakBytes = 0;
  }
  if (what === 'end') void controller.close().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
tell({ url: controller.http.url });
