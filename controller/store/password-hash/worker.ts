/** A thread that hashes passwords one after another, at a low priority. */
import { argon2Sync } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { HashRequest } from '../../services/access/passwords.ts';
import type { HashAnswer } from './threads.ts';

try {
  // Requests are answered first: a login can wait a moment, and strangers cause most of these.
  setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), constants.priority.PRIORITY_BELOW_NORMAL);
} catch {
  // Ignored: the kernel does not permit it, and hashes have the same priority as requests.
}

parentPort?.on('message', (request: HashRequest) => {
  let answer: HashAnswer;
  try {
    answer = { hash: argon2Sync('argon2id', request) };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(answer);
});
