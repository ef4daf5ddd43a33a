import { randomBytes, randomUUID } from 'node:crypto';
import { HandMadeNode } from '../cluster/hand-made-node.ts';
import { archiveOf, main } from '../unit/source-archives.ts';
import type { Attack } from './attack.ts';
import { IMAGE } from './controller.ts';

const call = (token: string, signal: AbortSignal, more: RequestInit = {}) => ({
  ...more,
  signal,
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
});

/** An account without rights that opens streams, and keeps all it gets. */
const streams: Attack = {
  name: 'streams of an account without rights',
  many: 50,
  async once({ target, outsiderToken }, _, signal) {
    const answer = await fetch(`${target.url}/api/v0/events`, call(outsiderToken, signal));
    if (answer.status !== 200) await answer.arrayBuffer();
    else for await (const _ of answer.body ?? []) if (signal.aborted) break;
    return String(answer.status);
  },
};

const messages: Attack = {
  name: 'messages of a developer',
  many: 16,
  async once({ target, developerToken, session }, _, signal) {
    const body = JSON.stringify({ role: 'system', content: 'x'.repeat(1000) });
    const answer = await fetch(`${target.url}/api/v0/sessions/${session}/messages`, call(developerToken, signal, { method: 'POST', body }));
    await answer.arrayBuffer();
    return String(answer.status);
  },
};

let archive: Promise<Buffer> | undefined;

const uploads: Attack = {
  name: 'uploads of a developer',
  many: 8,
  async once({ target, developerToken, agent }, _, signal) {
    // Bytes that do not pack.
    archive ??= archiveOf([main, { name: 'data.bin', content: randomBytes(4 * 1024 * 1024) }]);
    const body = new Uint8Array(await archive);
    const headers = { authorization: `Bearer ${developerToken}`, 'content-type': 'application/gzip' };
    const answer = await fetch(`${target.url}/api/v0/spaces/default/agents/${agent}/source`, { method: 'PUT', body, headers, signal });
    await answer.arrayBuffer();
    return String(answer.status);
  },
};

/** What is said before the node waits until the controller has read it. */
const REPORTS = 500;

const rubbish: Attack = {
  name: 'rubbish of a node',
  many: 1,
  async once({ target, node }, _, signal) {
    const { clusterId, incarnation } = node;
    const claims = { clusterId, incarnation, memoryBytes: 2 ** 34, images: [IMAGE] };
    const made = await HandMadeNode.dial(`127.0.0.1:${target.nodePort}`, node, claims);
    let reports = 0;
    try {
      while (!signal.aborted && made.ended === undefined) {
        for (let count = 0; count < REPORTS; count += 1) made.reportRunning(randomUUID(), count);
        reports += REPORTS;
        await made.heard();
      }
    } finally {
      made.close();
    }
    return `${made.ended ?? 'never ended'} after about ${Math.ceil(reports / 10_000) * 10_000} reports`;
  },
};

export const insiderAttacks: readonly Attack[] = [streams, messages, uploads, rubbish];
