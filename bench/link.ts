/**
 * Compares the link between guest and node agent, which frames messages by length, with a gRPC
 * stream. Both are bundled into one file like the guest and use a Unix socket. Each measurement is
 * a new process; the variants take turns. Prints medians.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { build } from 'esbuild';
import { guestFrames, hostFrames } from '../proto/codec.ts';
import type { GuestFrame, HostFrame } from '../proto/frame.ts';
import { framedLink } from '../proto/framed-link.ts';
import { systemClock } from '../seams/system.ts';
import { method } from './link/method.ts';

const ROUNDS = Number(process.argv[2] ?? 15);
const EXCHANGES = 200;

/** One connection of a child, of either kind. */
interface Peer {
  send(frame: HostFrame): void;
  onFrame(listener: (frame: GuestFrame) => void): void;
}

interface Kind {
  readonly name: string;
  readonly program: string;
  readonly socket: string;
}

interface Result {
  readonly startMs: number;
  readonly exchangeMs: number;
  readonly pssMb: number;
  readonly privateMb: number;
}

const directory = mkdtempSync(join(tmpdir(), 'raworc-bench-'));
let onPeer: (peer: Peer) => void = () => undefined;

const framedServer = createServer((socket) => {
  const link = framedLink(socket, { encode: hostFrames, decode: guestFrames, clock: systemClock });
  onPeer({ send: (frame) => link.send(frame), onFrame: (listener) => link.onMessage(listener) });
});
const grpcServer = new Server();
grpcServer.addService(
  { Connect: { ...method } },
  {
    Connect(stream: ServerDuplexStream<GuestFrame, HostFrame>) {
      stream.on('error', () => undefined);
      onPeer({ send: (frame) => stream.write(frame), onFrame: (listener) => stream.on('data', listener) });
    },
  },
);

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

function memoryMb(child: ChildProcess, key: string): number {
  const text = readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8');
  return Number(text.match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'))?.[1]) / 1024;
}

function deliver(peer: Peer, seq: number): void {
  const value = {
    sessionId: 'bench',
    generation: 1,
    seq,
    messageId: `m${seq}`,
    agent: 'echo',
    content: 'hello',
    contextJson: '{}',
    afterSeq: 0,
    secretsVersion: 0,
    agents: [],
    router: null,
  };
  peer.send({ kind: 'deliver', value });
}

async function measure(kind: Kind): Promise<Result> {
  const startedAt = performance.now();
  const arrived = new Promise<Peer>((resolve) => {
    onPeer = resolve;
  });
  const child = spawn(process.execPath, [kind.program, kind.socket], { stdio: ['ignore', 'ignore', 'inherit'] });
  const gone = once(child, 'exit');
  try {
    const peer = await arrived;
    let count = 0;
    let startMs = 0;
    let warmAt = 0;
    await new Promise<void>((resolve) => {
      peer.onFrame((frame) => {
        if (frame.kind === 'answer') count += 1;
        if (count === 1 && startMs === 0) startMs = performance.now() - startedAt;
        if (count === EXCHANGES) warmAt = performance.now();
        if (count === 2 * EXCHANGES) resolve();
        else deliver(peer, count + 1);
      });
    });
    const exchangeMs = (performance.now() - warmAt) / EXCHANGES;
    return { startMs, exchangeMs, pssMb: memoryMb(child, 'Pss'), privateMb: memoryMb(child, 'Private_Dirty') };
  } finally {
    child.kill('SIGKILL');
    await gone;
  }
}

try {
  const framedSocket = join(directory, 'framed.sock');
  const grpcSocket = join(directory, 'grpc.sock');
  framedServer.listen(framedSocket);
  await once(framedServer, 'listening');
  await new Promise<void>((resolve, reject) =>
    grpcServer.bindAsync(`unix:${grpcSocket}`, ServerCredentials.createInsecure(), (fault) => (fault ? reject(fault) : resolve())),
  );
  const kinds: Kind[] = [
    { name: 'framed, lean codec (the guest)', program: 'framed', socket: framedSocket },
    { name: 'framed, protobufjs', program: 'framed-library', socket: framedSocket },
    { name: 'gRPC stream (grpc-js)', program: 'grpc', socket: grpcSocket },
  ].map((kind) => ({ ...kind, program: join(directory, `${kind.program}.mjs`) }));
  await build({
    entryPoints: ['framed', 'framed-library', 'grpc'].map((name) => join(import.meta.dirname, 'link', `${name}.ts`)),
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    ...{ bundle: true, platform: 'node', target: 'node24', format: 'esm', minify: true, logLevel: 'warning' },
    banner: { js: "import{createRequire as rq}from'node:module';const require=rq(import.meta.url);" },
  });
  const results = new Map(kinds.map((kind): [Kind, Result[]] => [kind, []]));
  for (const kind of kinds) await measure(kind);
  for (let round = 0; round < ROUNDS; round += 1) for (const kind of kinds) results.get(kind)?.push(await measure(kind));
  process.stdout.write(`${ROUNDS} new processes of each kind, taking turns; medians\n\n`);
  process.stdout.write(
    `${'link'.padEnd(34)}${'to first answer'.padStart(17)}${'round trip'.padStart(13)}${'PSS'.padStart(10)}${'private'.padStart(10)}\n`,
  );
  for (const [{ name }, all] of results) {
    const of = (key: keyof Result) => median(all.map((one) => one[key]));
    const start = `${of('startMs').toFixed(0)} ms`.padStart(17);
    const exchange = `${of('exchangeMs').toFixed(3)} ms`.padStart(13);
    process.stdout.write(
      `${name.padEnd(34)}${start}${exchange}${`${of('pssMb').toFixed(1)} MB`.padStart(10)}${`${of('privateMb').toFixed(1)} MB`.padStart(10)}\n`,
    );
  }
} finally {
  framedServer.close();
  grpcServer.forceShutdown();
  rmSync(directory, { recursive: true, force: true });
}
