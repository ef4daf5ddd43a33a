/** Commands and downloads that a pause finds half done go on when the session does. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { type Process, type ProcessPart, Raworc } from '../../sdk/raworc.ts';
import { within } from './deadline.ts';
import { startCluster } from './harness.ts';
import { expect } from './rest.ts';

const MIB = 2 ** 20;
/** More than all buffers on the way hold, so that most of it is still to come. */
const DOWNLOAD_BYTES = 200 * MIB;
const READ_BEFORE_BYTES = 4 * MIB;
const SLEEP_S = 3;

t.setTimeout(180_000);
t.test('a pause in the middle of a download and of sleep', async (t) => {
  const cluster = await startCluster(t, { nodes: [{ name: 'node-1' }] });
  const { rest } = cluster;
  const url = `http://127.0.0.1:${cluster.ports.http}`;
  const password = (await readFile(join(cluster.directory, 'controller', 'admin-password'), 'utf8')).trim();
  const raworc = new Raworc({ url, login: { user: 'admin', pass: password } });
  const { id } = await rest.createSession({ resources: { limits: { disk_bytes: 1024 * MIB } } });
  const pausing = async () => {
    expect(await rest.call('POST', `/sessions/${id}/pause?wait=30s`), 200, 'pause');
    t.equal((await rest.session(id)).state, 'paused');
  };
  const resuming = async () => expect(await rest.call('POST', `/sessions/${id}/resume?wait=30s`), 200, 'resume');

  const made = (await rest.call('POST', `/sessions/${id}/exec`, {
    command: `openssl rand ${DOWNLOAD_BYTES} > large 2>/dev/null || head -c ${DOWNLOAD_BYTES} /dev/urandom > large; sha256sum large | cut -d' ' -f1`,
  })) as { body: { stdout: string } };
  const expected = made.body.stdout.trim();
  const headers = { authorization: `Bearer ${rest.token}` };
  const response = await fetch(`${url}/api/v0/sessions/${id}/files?path=large`, { headers });
  t.equal(response.status, 200);
  const hash = createHash('sha256');
  let bytes = 0;
  const reader = response.body?.getReader();
  const read = async (until: number) => {
    for (let next = await reader?.read(); next?.done === false; next = bytes < until ? await reader?.read() : undefined) {
      hash.update(next.value);
      bytes += next.value.byteLength;
    }
  };
  await read(READ_BEFORE_BYTES);

  const process: Process = await raworc.processes.start(id, { argv: ['sh', '-c', `echo begun; sleep ${SLEEP_S}; echo over`] });
  const attachment = raworc.attach(id, process, { offset: 0 });
  t.teardown(() => attachment.close());
  const parts = attachment[Symbol.asyncIterator]();
  const output = async (wanted: RegExp) => {
    for (let said = ''; !wanted.test(said); ) {
      const next = await within(`${wanted}`, 60_000, parts.next());
      if (next.done === true) throw new Error(`it ended with ${said}`);
      if (next.value.kind === 'stdout') said += Buffer.from(next.value.bytes).toString();
    }
  };
  await output(/begun/);
  const from = performance.now();
  await pausing();
  t.ok(bytes < DOWNLOAD_BYTES / 2, `${Math.round(bytes / MIB)} MiB were read before the pause`);
  // Longer than the sleep has left: it must not end meanwhile.
  const over = output(/over/).then(() => performance.now());
  await new Promise((resolve) => setTimeout(resolve, SLEEP_S * 1000 + 500));
  const resumedAt = performance.now();
  await resuming();
  t.ok((await over) > resumedAt, `sleep ended ${Math.round((await over) - from)} ms after its begin, and not in the pause`);
  let end: ProcessPart | undefined;
  for (let next = await parts.next(); next.done !== true; next = await parts.next()) if (next.value.kind === 'exit') end = next.value;
  t.match(end, { kind: 'exit' });
  await within('the rest of the download', 60_000, read(Number.POSITIVE_INFINITY));
  t.same([bytes, hash.digest('hex')], [DOWNLOAD_BYTES, expected], 'the download is whole');
});
