import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type Docker from 'dockerode';
import { Apt } from '../machine/apt.ts';
import { placeIn } from '../places.ts';
import type { StepReport } from '../terminal.ts';
import { bootstrapImage } from './bootstrap-image.ts';
import { buildFromRegistry } from './build.ts';
import { sessionTag } from './recipe.ts';
import { trustedCertificates } from './trust.ts';

export interface SessionImageOptions extends StepReport {
  readonly dataDir: string;
  readonly docker: Docker;
  readonly apt?: Apt;
  /** A Debian or Ubuntu image to build on; without it RAWORC_BASE_IMAGE, else debian:12-slim. */
  readonly baseImage?: string;
  readonly registryLimitMs?: number;
  /** Used if no registry answers: mmdebstrap, unless a test sets it. */
  readonly fallback?: (tag: string, why: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

/**
 * Returns the tag of the image that sessions start from. If it is missing it is built on a public
 * base image when a registry answers quickly, else made by mmdebstrap. Labelled raworc.managed=true
 * and raworc.image=base.
 */
export async function ensureSessionImage(options: SessionImageOptions): Promise<string> {
  const { docker, dataDir, progress, note, registryLimitMs: limitMs = 5000, signal = new AbortController().signal } = options;
  const baseImage = options.baseImage ?? (process.env.RAWORC_BASE_IMAGE || 'debian:12-slim');
  const certificates = trustedCertificates();
  const tag = sessionTag(baseImage, certificates);
  const existing = await docker.listImages({ filters: { reference: [tag], label: ['raworc.image=base'] } });
  if (existing.length > 0) {
    note(`${tag}, there already`);
    return tag;
  }
  const why = await buildFromRegistry({ docker, baseImage, tag, certificates, limitMs, progress, signal });
  if (why !== undefined) {
    if (options.fallback) await options.fallback(tag, why);
    else await bootstrapImage({ docker, dataDir, apt: options.apt ?? new Apt(dataDir), tag, certificates, progress, signal });
  }
  appendFileSync(madeFile(dataDir), `${tag}\n`);
  note(why === undefined ? `${tag} from ${baseImage}` : `${tag} by mmdebstrap, since ${why}`);
  return tag;
}

/** Returns the tags of the session images that this installation made, and can therefore remove. */
export function madeImages(dataDir: string): readonly string[] {
  return existsSync(madeFile(dataDir)) ? readFileSync(madeFile(dataDir), 'utf8').split('\n').filter(Boolean) : [];
}

const madeFile = (dataDir: string) => join(placeIn(dataDir, 'run'), 'session-images');
