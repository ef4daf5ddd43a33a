import { quoted } from '../domain/build-failure.ts';
import type { OwnImage } from '../domain/installs/own-image.ts';
import type { Dependencies, SourceFiles } from '../domain/installs/planned.ts';
import type { BuildEngine, OwnBase } from '../engine/build-engine.ts';
import { BadSource } from '../images/read-source.ts';
import { buildOwnBase, type OwnBaseDeps } from './own-base.ts';

export interface ScannedAgent {
  readonly name: string;
  readonly runtime: string;
  readonly digest: string;
  /** Without texts. */
  readonly files: SourceFiles;
  readonly own: OwnImage;
  readonly dependencies: Dependencies | undefined;
}

export interface BaseOfBuildPlan {
  readonly buildId: string;
  readonly space: string;
  /** The stock image. */
  readonly baseImage: string;
  readonly baseImageId: string;
  readonly agents: readonly ScannedAgent[];
}

/** The image that everything else of a build is added to. */
export interface BaseOfBuild {
  readonly image: string;
  readonly id: string;
  /** What it starts from, if an agent brings it. */
  readonly own?: OwnBase | undefined;
  /** Removes it, unless it is the stock image or another one starts from it. */
  discard(): Promise<void>;
}

/**
 * Returns the stock image, or the one that an agent brings. The agents of a space share an image,
 * so at most one of them can bring one, unless all that do bring the same.
 */
export async function baseOfBuild(deps: OwnBaseDeps, plan: BaseOfBuildPlan, signal: AbortSignal): Promise<BaseOfBuild> {
  const { engine, progress } = deps;
  const { buildId, space, baseImageId, agents } = plan;
  const stock = { image: plan.baseImage, id: baseImageId, discard: async () => undefined };
  let chosen: { readonly agent: ScannedAgent; readonly dockerfile: string } | undefined;
  for (const agent of agents) {
    const { own } = agent;
    if (own.kind === 'refused') throw new BadSource(`the image of the agent ${agent.name} cannot be built: ${own.reason}`);
    if (own.kind === 'none') continue;
    if (!engine.takesDockerfiles && agent.files.has('Dockerfile')) {
      if (own.isAsked && !isOneLine(own.text))
        throw new BadSource(`the Dockerfile of the agent ${agent.name} cannot be built here: ${OFF}`);
      if (!own.isAsked) progress.print(`Warning: ${agent.name}: its Dockerfile is not used. ${OFF}`);
      if (!own.isAsked) continue;
    }
    if (chosen !== undefined && (chosen.dockerfile !== own.text || !isOneLine(own.text)))
      throw new BadSource(
        `the agents ${chosen.agent.name} and ${agent.name} each bring an image, but the agents of a space share one. Put what both need into one Dockerfile, and "dockerfile": false into the other's raworc.json`,
      );
    chosen ??= { agent, dockerfile: own.text };
  }
  if (chosen === undefined) return stock;
  progress.begin('install');
  const { name, digest, files } = chosen.agent;
  const { id, from } = await buildOwnBase(
    deps,
    { buildId, space, baseImageId, agent: name, digest, files, dockerfile: chosen.dockerfile },
    signal,
  );
  if (id === baseImageId) return stock;
  const brought = from === undefined ? undefined : { agent: name, image: from };
  const own = { image: id, id, own: brought, discard: () => engine.discard(id) };
  let fault: string | undefined;
  try {
    fault = await unmetNeed(engine, { buildId, space, image: id, agents }, signal);
  } catch (error) {
    await own.discard();
    throw error;
  }
  if (fault === undefined) return own;
  await own.discard();
  throw new BadSource(`the image of the agent ${name} cannot run sessions: ${fault}`);
}

const OFF = 'The operator of this node can allow Dockerfiles with build_dockerfiles.';
const isOneLine = (dockerfile: string) => /^FROM \S+\n$/.test(dockerfile);

/** Exit codes of the program below. */
const NO_PYTHON = 65;
const NEEDS = `const { execFileSync } = require('node:child_process');
if (process.argv[1] === 'python') try { execFileSync('python3', ['-c', '']) } catch { process.exit(${NO_PYTHON}) }
execFileSync('/bin/sh', ['-c', 'command -v tar']);
process.stdout.write('ok')`;

/** Returns what an image lacks that the guest needs; undefined if it lacks nothing. */
async function unmetNeed(
  engine: BuildEngine,
  {
    agents,
    ...where
  }: { readonly buildId: string; readonly space: string; readonly image: string; readonly agents: readonly ScannedAgent[] },
  signal: AbortSignal,
): Promise<string | undefined> {
  const python = agents.find(({ runtime }) => runtime === 'PYTHON');
  const command = ['/opt/raworc/guest/node', '-e', NEEDS, python === undefined ? 'none' : 'python'];
  const input = (async function* () {})();
  const libraries = 'it needs glibc 2.28 or newer, libstdc++, /bin/sh and tar, as the slim images of Debian and Ubuntu have.';
  const started = await engine.start({ ...where, command, environment: {}, input }, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    // The loader of the program is missing.
    if (error instanceof Error && /no such file|not found|exec/i.test(error.message)) return undefined;
    throw error;
  });
  if (started === undefined) return libraries;
  try {
    if (await started.began) return undefined;
    const { code, lastLines } = await started.ended;
    if (code === NO_PYTHON) return `it has no python3, which the agent ${python?.name} needs.`;
    return `${libraries}${quoted(lastLines)}`;
  } finally {
    await started.close();
  }
}
