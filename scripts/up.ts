/**
 * `npm run up`: a whole Raworc on this machine, from what is missing to a first conversation; then its logs, until Ctrl-C.
 * `npm run up -- --once` ends after the conversation, and exits 0 only if the reply came.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildGuest } from './build-guest.ts';
import { Apt } from './machine/apt.ts';
import { ensureDocker } from './machine/docker.ts';
import { ensureNatsServer } from './machine/programs.ts';
import { dataDirectory } from './places.ts';
import { runProgram } from './program.ts';
import { ensureSessionImage } from './session-image.ts';
import { bold, duration, print, step } from './terminal.mjs';
import { Trouble } from './trouble.ts';
import { CommandLine } from './up/command-line.ts';
import { deployExample, firstConversation } from './up/conversation.ts';
import { lockDirectory } from './up/lock.ts';
import { LogView } from './up/log-view.ts';
import { nextSteps } from './up/next-steps.ts';
import { adminPassword, controllerPart, natsPart, nodePart } from './up/parts.ts';
import { endLeftovers } from './up/pid-file.ts';
import { type Running, shutDown } from './up/shut-down.ts';
import { stopSignals } from './up/stop-signals.ts';

const nodeCount = 2;
const tidyMs = 15_000;

runProgram(async (args) => {
  const unknown = args.find((arg) => arg !== '--once');
  if (unknown !== undefined) throw new Trouble(`up does not know ${unknown}`, 'npm run up, or npm run up -- --once');
  const once = args.includes('--once');
  const startedAtMs = Number(process.env.RAWORC_STARTED_AT_MS ?? Date.now());
  const stop = stopSignals();
  const dataDir = dataDirectory();
  const unlock = lockDirectory(dataDir);
  const running: Running = { dataDir, nodes: [] };
  const view = new LogView();
  const bringing = bringUp(running, view, stop.first);
  try {
    const site = await Promise.race([bringing, whenAborted(stop.first)]);
    if (site === undefined) return once ? 1 : 0;
    print(`\n${bold('Raworc runs.')} From start to reply: ${duration(Date.now() - startedAtMs)}\n${nextSteps(site, once)}\n`);
    if (once) return 0;
    for (const child of [running.nats, running.controller, ...running.nodes]) child?.keep();
    view.show();
    await whenAborted(stop.first);
    view.hide();
    return 0;
  } finally {
    print('\n');
    await shutDown(running, stop.second);
    // A step that was cut off removes what it began.
    await Promise.race([bringing.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, tidyMs))]);
    unlock();
  }
});

/** Resolves (with nothing) once the signal aborts. */
function whenAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined));
  });
}

async function bringUp(running: Running, view: LogView, signal: AbortSignal) {
  const { dataDir } = running;
  await endLeftovers(dataDir);
  const apt = new Apt(dataDir);
  const engine = await step('Docker', (progress, note) => ensureDocker(dataDir, apt, progress, note));
  running.engine = engine;
  const parts = { dataDir, onLine: view.onLine };
  const outside = process.env.RAWORC_NATS_URL;
  const natsProgram = outside ? undefined : await step('nats-server', (progress) => ensureNatsServer(apt, progress));
  const image = await step('Session image', (progress, note) =>
    ensureSessionImage({ docker: engine.docker, dataDir, apt, progress, note, signal }),
  );
  await step('Guest', () => buildGuest());
  signal.throwIfAborted();

  const nats = natsProgram === undefined ? undefined : await natsPart(parts, natsProgram);
  if (nats) {
    running.nats = nats.child;
    await step('Start nats-server', (_progress, note) => {
      note(nats.url);
      return nats.child.start();
    });
  }
  const controller = await controllerPart(parts, {
    image,
    natsUrl: nats?.url ?? outside ?? '',
    natsTokenFile: nats?.tokenFile ?? process.env.RAWORC_NATS_TOKEN_FILE,
  });
  const nodes = Array.from({ length: nodeCount }, (_, index) => nodePart(parts, index + 1, nodeCount, engine.socket));
  signal.throwIfAborted();
  running.controller = controller;
  const ready = await step('Start the controller', () => controller.start());
  const url = String(ready?.fields.url ?? '').replace('//0.0.0.0', '//127.0.0.1');
  const raworc = new CommandLine(dataDir, url);
  const { password, file: passwordFile } = adminPassword(dataDir);
  await step(`Log in, and start ${nodeCount} nodes`, async () => {
    const loggedIn = raworc.must(['login', '--url', url, '--user', 'admin', '--password-file', '-'], { input: password });
    running.nodes = nodes.map(({ child }) => child);
    const started = nodes.map(async ({ child, tokenFile }) => {
      if (tokenFile !== undefined) {
        await loggedIn;
        writeFileSync(tokenFile, await raworc.must(['node', 'token']), { mode: 0o600 });
      }
      if (!signal.aborted) await child.start();
      if (tokenFile !== undefined) rmSync(tokenFile, { force: true });
    });
    await Promise.all([loggedIn, ...started]);
  });
  signal.throwIfAborted();
  await deployExample(raworc, dataDir);
  await firstConversation(raworc);
  signal.throwIfAborted();
  return { url, passwordFile, dataDir, isLoggedIn: raworc.isShared, natsUrl: nats?.url, logs: join(dataDir, 'logs') };
}
