/**
 * Runs one Node.js agent: loads its handler once, then answers runs that come as JSON lines on file
 * descriptor 3. The protocol is that of worker.py. SIGINT interrupts the current run: its generator
 * is told to return.
 *
 *     worker.mjs NAME DIRECTORY HANDLER
 */
import { statSync } from 'node:fs';
import Module from 'node:module';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { pathToFileURL } from 'node:url';
import { Asks } from './asks.mjs';
import { endOf, stream, tooLarge } from './replies.mjs';
import './resolve-raworc.mjs';

const interrupted = new Error('the run was interrupted');

async function answer(handler, { message, context }, send, interruption) {
  const result = await Promise.race([handler(message, context), interruption]);
  const generator = result?.[Symbol.asyncIterator] ?? (typeof result?.next === 'function' ? result[Symbol.iterator] : undefined);
  return endOf(generator ? await stream(generator.call(result), send, interruption) : result);
}

function fileOf(directory, module) {
  const candidates = ['.mjs', '.js', '.cjs', '.ts', '.mts', '/index.mjs', '/index.js', '/index.cjs', ''];
  for (const ending of candidates) {
    const file = join(directory, module + ending);
    if (statSync(file, { throwIfNoEntry: false })?.isFile()) return file;
  }
  throw new Error(`there is no module ${module} in the agent's directory`);
}

/** Keeps `require` from looking for modules below HOME, which all agents of the session share. */
function forgetHomeModules() {
  const home = process.env.HOME;
  delete process.env.HOME;
  Module._initPaths();
  if (home !== undefined) process.env.HOME = home;
}

async function load(directory, handler) {
  forgetHomeModules();
  const dot = handler.lastIndexOf('.');
  const module = dot > 0 ? handler.slice(0, dot) : handler || 'index';
  const name = dot > 0 ? handler.slice(dot + 1) : 'processMessage';
  const loaded = await import(pathToFileURL(fileOf(directory, module)).href);
  for (const holder of [loaded, loaded.default]) {
    for (const one of [name, 'processMessage', 'process_message']) {
      if (typeof holder?.[one] === 'function') return holder[one].bind(holder);
    }
  }
  if (typeof loaded.default === 'function') return loaded.default;
  throw new Error(`${module} exports no function ${name}`);
}

const messageOf = (error) => (error instanceof Error ? error.message || error.name : String(error));

/** Describes an error with the first place in the agent's own code, to find it without the log. */
function located(error) {
  if (!(error instanceof Error)) return String(error);
  const text = error.message ? `${error.name}: ${error.message}` : error.name;
  const line = (error.stack ?? '').split('\n').find((one) => one.trimStart().startsWith('at ') && one.includes(`${directory}/`));
  const place = line?.match(/([^(\s]+:\d+):\d+\)?$/)?.[1];
  return place === undefined ? text : `${text} (${place.slice(place.indexOf(`${directory}/`) + directory.length + 1)})`;
}

const [, , name = 'agent', directory = '.', handlerName = ''] = process.argv;
process.argv = [process.execPath, name];
const channel = new Socket({ fd: 3, readable: true, writable: true });
channel.on('error', () => process.exit(1));
channel.on('end', () => process.exit(0));
const send = (frame) =>
  new Promise((resolve) => {
    if (channel.write(`${JSON.stringify(frame)}\n`)) resolve();
    else channel.once('drain', resolve);
  });

const asks = new Asks(send);
let interrupt = () => undefined;
process.on('SIGINT', () => interrupt());

/** One run, and its end. */
async function work(request) {
  const { run } = request;
  const sendOfRun = (frame) => send({ ...frame, run });
  const interruption = new Promise((_resolve, reject) => {
    interrupt = () => reject(interrupted);
  });
  interruption.catch(() => undefined);
  try {
    asks.begin(run, request.context);
    const end = await answer(handler, request, sendOfRun, interruption);
    asks.end();
    await sendOfRun(end);
  } catch (error) {
    asks.end();
    if (error === tooLarge) await sendOfRun({ type: 'error', reason: 'reply_too_large', message: '' });
    else {
      console.error(error);
      await sendOfRun({ type: 'error', reason: 'agent_failed', message: located(error) });
    }
  } finally {
    interrupt = () => undefined;
  }
}

let handler;
try {
  handler = await load(directory, handlerName);
} catch (error) {
  console.error(error);
  await send({ type: 'failed', message: messageOf(error) });
  channel.end(() => process.exit(1));
}
if (handler) {
  await send({ type: 'ready' });
  const decoder = new StringDecoder('utf8');
  let pieces = [];
  let last = Promise.resolve();
  channel.on('data', (chunk) => {
    const [first = '', ...lines] = decoder.write(chunk).split('\n');
    pieces.push(first);
    for (const piece of lines) {
      const line = pieces.join('');
      pieces = [piece];
      const frame = JSON.parse(line);
      if (frame.type === 'answer') asks.receive(frame);
      else last = last.then(() => work(frame));
    }
  });
}
