import type { AgentSource__Output as AgentSource } from '../../../proto/generated/raworc/node/v0/AgentSource.ts';
import type { RepositorySource__Output as RepositorySource } from '../../../proto/generated/raworc/node/v0/RepositorySource.ts';
import type { BuildProgress } from '../../builds/progress.ts';
import type { Dialer } from '../../control/dialer.ts';
import { fetchFailure, withoutSecrets } from '../../domain/fetch-failure.ts';
import { FETCH_SCRIPT, fetchConfig, fetchVariables } from '../../domain/fetch-script.ts';
import type { BuildEngine } from '../../engine/build-engine.ts';
import { type Packing, packEntry, packing } from '../packed.ts';
import { BadSource } from '../read-source.ts';
import { KNOWN_HOSTS } from './known-hosts.ts';

export type PutSource = Dialer['putSource'];

export interface FetchedSource {
  readonly source: AgentSource;
  readonly commit: string;
  readonly isKnown: boolean;
  /** The controller has ended the build: all of it is as in an earlier one. */
  readonly isSame: boolean;
}

/** The shell's exit code for a missing program. */
const NOT_FOUND = 127;

export interface FetchPlan {
  readonly buildId: string;
  readonly space: string;
  /** Has git and ssh. */
  readonly image: string;
  readonly source: RepositorySource;
}

/**
 * Fetches one commit of a repository in a container of its own and hands it over. Returns the source
 * as part of the build, or undefined if the image has no git. Throws {@link BadSource} with the reason if it cannot be had.
 */
export async function fetchRepository(
  engine: BuildEngine,
  { source, ...where }: FetchPlan,
  put: PutSource,
  progress: Pick<BuildProgress, 'mask' | 'output'>,
  signal: AbortSignal,
): Promise<FetchedSource | undefined> {
  const { agent, credential } = source;
  const command = ['/bin/sh', '-c', FETCH_SCRIPT];
  const environment = { ...fetchVariables(source) };
  const input = privateFiles(source);
  for (const secret of secretsOf(credential)) if (secret !== '') progress.mask(secret);
  const print = (chunk: Uint8Array) => progress.output(chunk);
  const plan = { ...where, command, environment, directory: '/fetch', input: input.stream, print };
  const job = await engine.start(plan, signal).finally(() => input.done.catch(() => undefined));
  try {
    const output = new FirstLine(job.output);
    const line = await output.read();
    const result = /^(known|fetched) ([0-9a-f]{40}|[0-9a-f]{64})$/.exec(line ?? '');
    const failed = async () => {
      const { code, exceeded, lastLines } = await job.ended;
      const clean = withoutSecrets(lastLines, secretsOf(credential));
      return { code, why: fetchFailure({ ...source, hasCredential: credential !== null, code, exceeded, lastLines: clean }) };
    };
    if (result === null) {
      const { code, why } = await failed();
      if (code === NOT_FOUND) return undefined;
      throw new BadSource(why);
    }
    const [, how, commit = ''] = result;
    const isKnown = how === 'known';
    let isWhole = true;
    const rest = async function* () {
      yield* output.rest();
      // Only an end without a fault completes the archive.
      const { code, why } = await failed();
      isWhole = code === 0;
      if (!isWhole) throw new BadSource(why);
    };
    const taken = await put({ buildId: where.buildId, agent, commit }, isKnown ? undefined : rest(), signal);
    if (taken.source === null)
      throw new BadSource(`The source of the agent ${agent} at ${commit.slice(0, 12)} cannot be built: ${taken.refusal}`);
    return { source: taken.source, commit, isKnown, isSame: taken.sameAs !== '' };
  } finally {
    input.stream.destroy();
    await job.close();
  }
}

/** What must be in no argument, variable or file outside of the container's memory. */
function privateFiles({ url, credential }: RepositorySource): Packing {
  return packing(async (pack) => {
    const file = (name: string, content: string) => packEntry(pack, { name, mode: 0o600 }, content);
    await file('config', fetchConfig(url, credential !== null && credential.password !== ''));
    await file('known_hosts', `${KNOWN_HOSTS}${credential?.knownHosts ?? ''}`);
    if (credential === null) return;
    if (credential.privateKey !== '') await file('key', credential.privateKey);
    else await file('answer', `username=${credential.username}\npassword=${credential.password}\n`);
  });
}

const secretsOf = (credential: RepositorySource['credential']): readonly string[] => {
  if (credential === null) return [];
  const { username, password } = credential;
  return [password, password === '' ? '' : Buffer.from(`${username}:${password}`).toString('base64')];
};

const MAX_LINE_BYTES = 200;

/** The first line of an output, and then the bytes after it. */
class FirstLine {
  readonly #output: AsyncIterator<Uint8Array>;
  #kept: Buffer = Buffer.alloc(0);

  constructor(output: AsyncIterable<Uint8Array>) {
    this.#output = output[Symbol.asyncIterator]();
  }

  /** Returns undefined if the output ends before. */
  async read(): Promise<string | undefined> {
    for (;;) {
      const end = this.#kept.indexOf('\n');
      if (end !== -1) {
        const line = this.#kept.toString('latin1', 0, end);
        this.#kept = this.#kept.subarray(end + 1);
        return line;
      }
      if (this.#kept.byteLength > MAX_LINE_BYTES) return undefined;
      const next = await this.#output.next();
      if (next.done === true) return undefined;
      this.#kept = Buffer.concat([this.#kept, next.value]);
    }
  }

  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#kept.byteLength > 0) yield this.#kept;
    for (let next = await this.#output.next(); next.done !== true; next = await this.#output.next()) yield next.value;
  }
}
