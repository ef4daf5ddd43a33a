/**
 * The files of the cluster's CAs: `ca.crt` and `ca.key` of the first one, `ca-2.crt` and `ca-2.key`
 * of its successor, and so on. Keys have mode 0600.
 */
import 'reflect-metadata'; // the certificate library requires it
import { watch } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../seams/clock.ts';
import { makePrivateDirectory, readIfThere, readPrivateFile, writePrivateFile } from '../../seams/private-file.ts';
import type { Random } from '../../seams/random.ts';
import { sync } from '../../seams/sync.ts';
import { createCaCertificate, createKeys, KEY_ALGORITHM, type KeyPair, keyPem } from './certificates.ts';

export interface CaPair {
  /** 1 for the first one. */
  readonly number: number;
  readonly certificate: x509.X509Certificate;
  readonly privateKey: KeyPair['privateKey'];
}

export interface CaFilesOptions {
  readonly directory: string;
  readonly clusterId: string;
  readonly clock: Clock;
  readonly random: Random;
}

const CERTIFICATE = /^ca(?:-([1-9]\d{0,8}))?\.crt$/;

const fileOf = (directory: string, number: number, extension: 'crt' | 'key') =>
  join(directory, `${number === 1 ? 'ca' : `ca-${number}`}.${extension}`);

const finishPath = (directory: string) => join(directory, 'finish');

/** Returns the numbers of the CAs, oldest first. */
export async function caNumbers(directory: string): Promise<readonly number[]> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => {
      const match = CERTIFICATE.exec(name);
      return match === null ? [] : [Number(match[1] ?? 1)];
    })
    .sort((one, other) => one - other);
}

/** Creates a CA. Writes the certificate last: a key without a certificate was never used and is replaced. */
export async function createCa({ directory, clusterId, clock, random }: CaFilesOptions, number: number): Promise<CaPair> {
  const keys = await createKeys();
  const certificate = await createCaCertificate(clusterId, keys, clock.now(), random);
  await makePrivateDirectory(directory);
  await writePrivateFile(fileOf(directory, number, 'key'), `${await keyPem(keys.privateKey)}\n`);
  await writePrivateFile(fileOf(directory, number, 'crt'), `${certificate.toString('pem')}\n`);
  return { number, certificate, privateKey: keys.privateKey };
}

/**
 * Reads a CA; undefined if it was removed meanwhile. Throws if it is another cluster's, or if its
 * key is missing, does not match or is readable by others.
 */
export async function readCa(
  { directory, clusterId }: Pick<CaFilesOptions, 'directory' | 'clusterId'>,
  number: number,
): Promise<CaPair | undefined> {
  const [certificatePath, keyPath] = [fileOf(directory, number, 'crt'), fileOf(directory, number, 'key')];
  const pem = await readIfThere(certificatePath);
  if (pem === undefined) return undefined;
  const key = await readPrivateFile(keyPath);
  if (key === undefined) throw new Error(`${keyPath} is missing. Restore it from a backup, together with the database.`);
  const certificate = new x509.X509Certificate(pem);
  const [name] = certificate.subjectName.getField('CN');
  if (name !== clusterId) throw new Error(`${certificatePath} is the CA of cluster ${name}, but this is cluster ${clusterId}`);
  const privateKey = await crypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(key), KEY_ALGORITHM, true, ['sign']);
  if (!(await belongs(certificate, privateKey))) throw new Error(`${keyPath} does not match ${certificatePath}`);
  return { number, certificate, privateKey };
}

/**
 * Removes all CAs but the newest, and the request to do so. Removes each certificate before its
 * key: a crash in between leaves a key that nothing uses.
 */
export async function keepNewestCa(directory: string): Promise<void> {
  const older = (await caNumbers(directory)).slice(0, -1);
  for (const extension of ['crt', 'key'] as const) {
    for (const number of older) await rm(fileOf(directory, number, extension), { force: true });
    await sync(directory);
  }
  await rm(finishPath(directory), { force: true });
}

/** Asks the running controller to remove the older CAs although nodes depend on them. */
export const requestFinish = (directory: string): Promise<void> => writePrivateFile(finishPath(directory), '');

export const isFinishRequested = async (directory: string): Promise<boolean> => (await readIfThere(finishPath(directory))) !== undefined;

/** Calls `listener` when the files change; can miss a change. */
export function watchCas(directory: string, listener: () => void): { close(): void } {
  const watcher = watch(directory, { persistent: false }, listener);
  watcher.on('error', () => watcher.close());
  return watcher;
}

async function belongs(certificate: x509.X509Certificate, privateKey: KeyPair['privateKey']): Promise<boolean> {
  const probe = new Uint8Array(32);
  const signature = await crypto.subtle.sign(KEY_ALGORITHM, privateKey, probe);
  const publicKey = await certificate.publicKey.export();
  return crypto.subtle.verify(KEY_ALGORITHM, publicKey, signature, probe);
}
