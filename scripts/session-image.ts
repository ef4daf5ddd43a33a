import process from 'node:process';
import type Docker from 'dockerode';
import { buildByDebootstrap } from './image/debootstrap-way.ts';
import { rememberMade } from './image/made.ts';
import { sessionTag } from './image/recipe.ts';
import { buildFromRegistry } from './image/registry-way.ts';
import { trustedCertificates } from './image/trust.ts';
import { Apt } from './machine/apt.ts';
import { openDocker } from './machine/docker.ts';
import { dataDirectory } from './places.ts';

const defaultBaseImage = 'debian:12-slim';
const registryLimitMs = 5000;

export interface SessionImageOptions {
  readonly dataDir?: string;
  readonly docker?: Docker;
  readonly apt?: Apt;
  /** A Debian or Ubuntu image to build on; RAWORC_BASE_IMAGE, else debian:12-slim. */
  readonly baseImage?: string;
  readonly registryLimitMs?: number;
  /** What to do when no registry helps; debootstrap, unless a test says otherwise. */
  readonly fallback?: (tag: string, why: string) => Promise<void>;
  readonly progress?: (text: string) => void;
  readonly note?: (text: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Answers the tag of the image that sessions start from, made when it is not there: from a public base image when a registry
 * answers quickly, else by debootstrap. Labelled raworc.managed=true and raworc.image=base. It leaves nothing else behind.
 */
export async function ensureSessionImage(options: SessionImageOptions = {}): Promise<string> {
  const docker = options.docker ?? openDocker();
  const progress = options.progress ?? (() => undefined);
  const note = options.note ?? (() => undefined);
  const signal = options.signal ?? new AbortController().signal;
  const baseImage = options.baseImage ?? (process.env.RAWORC_BASE_IMAGE || defaultBaseImage);
  const trust = trustedCertificates();
  const tag = sessionTag(baseImage, trust);
  if (await isSessionImage(docker, tag)) {
    note(`${tag}, there already`);
    return tag;
  }
  const why = await buildFromRegistry({
    docker,
    baseImage,
    tag,
    trust,
    limitMs: options.registryLimitMs ?? registryLimitMs,
    progress,
    signal,
  });
  if (why === undefined) {
    if (options.dataDir !== undefined) rememberMade(options.dataDir, tag);
    note(`${tag} from ${baseImage}`);
    return tag;
  }
  if (options.fallback) await options.fallback(tag, why);
  else {
    const dataDir = options.dataDir ?? dataDirectory();
    await buildByDebootstrap({ docker, dataDir, apt: options.apt ?? new Apt(dataDir), tag, trust, progress, signal });
    rememberMade(dataDir, tag);
  }
  note(`${tag} by debootstrap, since ${why}`);
  return tag;
}

async function isSessionImage(docker: Docker, tag: string): Promise<boolean> {
  const found = await docker.listImages({ filters: { reference: [tag], label: ['raworc.image=base'] } });
  return found.length > 0;
}
