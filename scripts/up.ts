/**
 * `npm run up`: a whole Raworc on this machine, from missing programs to a first conversation; then
 * its logs, until Ctrl-C. `npm run up -- --once` ends after the conversation, and exits 0 only if
 * the reply came.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { buildGuest } from './build-guest.ts';
import { ensureSessionImage } from './image/session-image.ts';
import { Apt } from './machine/apt.ts';
import { ensureDocker } from './machine/docker.ts';
import { dataDirectory } from './places.ts';
import { hasFlag, runProgram } from './program.ts';
import { bold, duration, print, step } from './terminal.ts';
import { endLeftovers } from './up/child.ts';
import { CommandLine } from './up/command-line.ts';
import { deployExample, firstConversation } from './up/conversation.ts';
import { lockDirectory } from './up/lock.ts';
import { parseLogLine, renderLogLine } from './up/log-line.ts';
import { nextSteps, type Site } from './up/next-steps.ts';
import { adminPassword, controllerPart, type NatsPart, natsPart, nodePart, type PartsOptions } from './up/parts.ts';
import { type Running, shutDown } from './up/shut-down.ts';
import { stopSignals } from './up/stop-signals.ts';

const nodeCount = 2;
const tidyMs = 15_000;

runProgram(async (args) => {
  const once = hasFlag(args, '--once', 'up');
  const startedAtMs = Number(process.env.RAWORC_STARTED_AT_MS ?? Date.now());
  const stop = stopSignals();
  const stopped = new Promise<undefined>((resolve) => stop.first.addEventListener('abort', () => resolve(undefined)));
  const dataDir = await dataDirectory();
  const unlock = await lockDirectory(dataDir);
  const running: Running = { dataDir, nodes: [] };
  let isWatched = false;
  const onLine = (name: string, line: string) => {
    // Lines of nats-server are left out: the controller reports what matters about it.
    if (isWatched && (name !== 'nats' || parseLogLine(line) !== undefined)) print(`${renderLogLine(name, line)}\n`);
  };
  const bringing = bringUp(running, onLine, stop.first);
  try {
    const site = await Promise.race([bringing, stopped]);
    if (site === undefined) return once ? 1 : 0;
    print(`\n${bold('Raworc runs.')} From start to reply: ${duration(Date.now() - startedAtMs)}\n${nextSteps(site, once)}\n`);
    if (once) return 0;
    for (const child of [running.nats, running.controller, ...running.nodes]) child?.keep();
    isWatched = true;
    await stopped;
    return 0;
  } finally {
    isWatched = false;
    print('\n');
    await shutDown(running, stop.second);
    // An interrupted step removes what it began.
    await Promise.race([bringing.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, tidyMs))]);
    unlock();
  }
});

/** Whether the controller starts a registry itself; see its settings. */
const hasOwnRegistry = () =>
  process.env.RAWORC_REGISTRY !== 'off' && !process.env.RAWORC_REGISTRY_URL && !process.env.RAWORC_REGISTRY_PROGRAM;

async function bringUp(running: Running, onLine: PartsOptions['onLine'], signal: AbortSignal): Promise<Site> {
  const { dataDir } = running;
  const parts = { dataDir, onLine };
  await endLeftovers(dataDir);
  const apt = new Apt(dataDir);
  const engine = await step('Docker', (report) => ensureDocker(dataDir, apt, report));
  running.engine = engine;
  const natsUrl = process.env.RAWORC_NATS_URL;
  const natsServer = natsUrl ? undefined : await step('nats-server', ({ progress }) => apt.fetch('nats-server', progress));
  const registry = hasOwnRegistry() ? await step('docker-registry', ({ progress }) => apt.fetch('docker-registry', progress)) : undefined;
  const image = await step('Session image', (report) => ensureSessionImage({ docker: engine.docker, dataDir, apt, signal, ...report }));
  await step('Guest', () => buildGuest());
  signal.throwIfAborted();

  const given: NatsPart = { url: natsUrl ?? '', tokenFile: process.env.RAWORC_NATS_TOKEN_FILE };
  const nats = natsServer === undefined ? given : await natsPart(parts, natsServer);
  running.nats = nats.child;
  if (nats.child) {
    await step('Start nats-server', ({ note }) => {
      note(nats.url);
      return nats.child?.start();
    });
  }
  const controller = await controllerPart({ ...parts, image, nats, registry, nodes: nodeCount });
  signal.throwIfAborted();
  running.controller = controller;
  const ready = await step('Start the controller', () => controller.start());
  const url = String(ready?.fields.url ?? '').replace('//0.0.0.0', '//127.0.0.1');
  const raworc = new CommandLine(dataDir, url);
  const { password, file: passwordFile } = adminPassword(dataDir);
  const nodes = Array.from({ length: nodeCount }, (_, index) => nodePart(parts, index + 1, nodeCount, engine.socket));
  await step(`Log in, and start ${nodeCount} nodes`, async () => {
    const login = raworc.run(['login', '--url', url, '--user', 'admin', '--password-file', '-'], { input: password });
    running.nodes = nodes.map(({ child }) => child);
    const started = nodes.map(async ({ child, tokenFile }) => {
      if (tokenFile !== undefined) {
        await login;
        writeFileSync(tokenFile, await raworc.run(['node', 'token', '--token-only']), { mode: 0o600 });
      }
      if (!signal.aborted) await child.start();
      if (tokenFile !== undefined) rmSync(tokenFile, { force: true });
    });
    await Promise.all([login, ...started]);
  });
  signal.throwIfAborted();
  await deployExample(raworc, dataDir);
  await firstConversation(raworc);
  signal.throwIfAborted();
  return { url, passwordFile, isLoggedIn: raworc.isShared, natsUrl: nats.child && nats.url, logs: join(dataDir, 'logs') };
}
