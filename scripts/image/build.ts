import process from 'node:process';
import { Readable } from 'node:stream';
import type Docker from 'dockerode';
import tar from 'tar-stream';
import { reasonOf } from '../program.ts';
import { dockerfile, installScript, setupFiles } from './recipe.ts';

export interface BuildOptions {
  readonly docker: Docker;
  readonly baseImage: string;
  readonly tag: string;
  readonly certificates: readonly string[];
  /** How long the registry can take to start its response. */
  readonly limitMs: number;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Builds the session image on a public base image, which is pulled if it is missing and named by
 * its digest. Returns why that failed: the registry did not answer in time, does not have the
 * image, or the build failed.
 */
export async function buildFromRegistry(options: BuildOptions): Promise<string | undefined> {
  const { docker, baseImage, tag, certificates, progress, signal } = options;
  try {
    const base = (await digestOf(docker, baseImage)) ?? (await pull(options));
    const names = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];
    const stream = await docker.buildImage(buildContext(base, certificates), {
      t: tag,
      // What a build runs stays in Docker's network and cannot reach this machine's loopback.
      networkmode: process.env.RAWORC_IMAGE_BUILD_NETWORK || 'default',
      rm: true,
      forcerm: true,
      // Docker knows these arguments and keeps them out of the image.
      buildargs: Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
      abortSignal: signal,
    });
    await follow(docker, stream, progress);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const [why = ''] = reasonOf(error).split('\n');
    return /no such host|connection refused|timeout|unreachable/i.test(why) ? 'no registry can be reached' : why;
  }
}

/**
 * Pulls the base image and returns its name with the digest, which cannot change its meaning as a
 * tag can.
 */
async function pull({ docker, baseImage, limitMs, progress, signal }: BuildOptions): Promise<string> {
  progress(`asking the registry for ${baseImage}`);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), limitMs);
  const onProgress = (text: string) => {
    clearTimeout(timer);
    progress(text);
  };
  try {
    const stream = await docker.pull(baseImage, { abortSignal: AbortSignal.any([limit.signal, signal]) });
    await follow(docker, stream, onProgress);
  } catch (error) {
    throw limit.signal.aborted ? new Error(`no registry answered within ${limitMs / 1000} s`) : error;
  } finally {
    clearTimeout(timer);
  }
  return (await digestOf(docker, baseImage)) ?? baseImage;
}

/**
 * Returns an image's name with its digest, or its plain name if it came from no registry.
 * Undefined: it is not here.
 */
async function digestOf(docker: Docker, image: string): Promise<string | undefined> {
  const found = docker.getImage(image).inspect();
  return found.then(({ RepoDigests }) => RepoDigests?.[0] ?? image).catch(() => undefined);
}

function buildContext(baseImage: string, certificates: readonly string[]): Readable {
  const pack = tar.pack();
  const files = [['Dockerfile', dockerfile(baseImage)], ['raworc-setup/install.sh', installScript], ...setupFiles(certificates)] as const;
  for (const [name, content] of files) pack.entry({ name }, content);
  pack.finalize();
  return Readable.from(pack);
}

/** Resolves at the end of Docker's stream of progress; rejects with the error that it reports. */
function follow(docker: Docker, stream: NodeJS.ReadableStream, progress: (text: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error: Error | null) => (error ? reject(error) : resolve()),
      (news: { stream?: string; status?: string; progress?: string }) => {
        progress((news.stream ?? `${news.status ?? ''} ${news.progress ?? ''}`).trim().split('\n').at(-1) ?? '');
      },
    );
  });
}
