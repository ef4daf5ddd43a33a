/** A controller in a process of its own, whose heap can be asked for. Forked by target.ts with `--expose-gc`; ends with its channel. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startController } from '../../controller/controller.ts';
import { noBarriers } from '../../seams/barrier.ts';
import { prometheusMetrics } from '../../seams/prometheus.ts';
import { systemClock, systemDisk, systemFreeSpace, systemRandom } from '../../seams/system.ts';
import { UNBOUNDED } from '../unbounded-budgets.ts';
import { IMAGE, PASSWORD } from './constants.ts';

const directory = await mkdtemp(join(tmpdir(), 'raworc-fuzz-'));
const tell = (message: object) => process.send?.(message);
const controller = await startController({
  directory,
  http: { host: '127.0.0.1', port: 0 },
  e2b: { port: 0, domain: 'sbx.test:3443' },
  nodes: { host: '127.0.0.1', port: 0, joinPort: 0, advertise: ['127.0.0.1'] },
  budgets: UNBOUNDED,
  nats: undefined,
  baseImage: IMAGE,
  adminPassword: PASSWORD,
  corsOrigins: ['https://pages.example'],
  checkAnswers: true,
  version: '0.0.0-fuzz',
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  freeSpace: systemFreeSpace,
  log: { debug() {}, info() {}, warn() {}, error: (event, fields) => tell({ fault: `${event} ${JSON.stringify(fields)}` }) },
  barriers: noBarriers,
  metrics: prometheusMetrics({ processMetrics: false }),
  onFatal: (error) => tell({ fault: `fatal: ${String(error)}` }),
});

/** What is left once all that can go is gone. */
async function heapBytes(): Promise<number> {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}

async function end(): Promise<void> {
  await controller.close();
  await rm(directory, { recursive: true, force: true });
  process.exit(0);
}

process.on('message', (what) => {
  if (what === 'heap') void heapBytes().then((bytes) => tell({ heapBytes: bytes }));
  if (what === 'end') void end();
});
process.on('disconnect', () => void end());
tell({ url: controller.http.url, e2b: controller.e2b?.url });
