import { randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { archiveOf, main } from '../unit/controller/agents/source-archives.ts';
import type { Attack } from './attack.ts';
import { IMAGE } from './controller.ts';
import { sayRubbish } from './rubbish-node.ts';

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
/** A piece of a body. */
const PIECE_BYTES = 64 * 1024;

const uploads: Attack = {
  name: 'uploads of a developer',
  many: 8,
  async once({ target, developerToken, agent }, _, signal) {
    // Bytes that do not pack.
    archive ??= archiveOf([main, { name: 'data.bin', content: randomBytes(4 * 1024 * 1024) }]);
    const bytes = await archive;
    const headers = { authorization: `Bearer ${developerToken}`, 'content-type': 'application/gzip', 'content-length': bytes.byteLength };
    // `fetch` would copy the whole body twice and free it again, which costs this machine more than the attack costs the controller.
    const asked = request(`${target.url}/api/v0/spaces/default/agents/${agent}/source`, { method: 'PUT', headers, signal });
    const answered = new Promise<IncomingMessage>((resolve, reject) => asked.once('response', resolve).once('error', reject));
    const sent = pipeline(piecesOf(bytes), asked).catch(() => undefined);
    const answer = await answered;
    await text(answer);
    // Refused before it was read: who reads that sends no more.
    if (!asked.writableFinished) asked.destroy();
    await sent;
    return String(answer.statusCode);
  },
};

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES);
}

const rubbish: Attack = {
  name: 'rubbish of a node',
  many: 1,
  async once({ target, node }, _, signal) {
    const { bytes, ended } = await sayRubbish(`127.0.0.1:${target.nodePort}`, node, IMAGE, signal);
    return `${ended} after about ${Math.ceil(bytes / 2 ** 20)} MiB`;
  },
};

export const insiderAttacks: readonly Attack[] = [streams, messages, uploads, rubbish];
