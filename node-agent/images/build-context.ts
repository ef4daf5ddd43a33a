import { AGENTS, DEPENDENCIES } from '../domain/install-script.ts';
import { RESULT } from '../domain/installs/build-command.ts';
import { isAgentName } from '../domain/source-entry.ts';
import { type Packing, packEntry, packing, packPart } from './packed.ts';
import { BadSource, readSource } from './read-source.ts';

export interface InstalledDependencies {
  readonly key: string;
  readonly directory: string | undefined;
  /** A build command changed files, which are in the base image. */
  readonly hasResult?: boolean | undefined;
  readonly leavesOut?: readonly string[] | undefined;
}

export interface ContextAgent {
  readonly spec: { readonly name: string } | null;
  readonly digest: string;
  /** What was installed for it, and the name under which it finds that. */
  readonly dependencies?: InstalledDependencies | undefined;
}

export interface ContextPlan {
  readonly baseImage: string;
  /** Labels of every layer, including those of an interrupted build. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly agents: readonly ContextAgent[];
}

/** Returns the first lines of a Dockerfile: one step for all labels. */
export function dockerfileHead(baseImage: string, marks: Readonly<Record<string, string>>): string {
  if (/\s/.test(baseImage)) throw new BadSource('the base image has an invalid name');
  const labels = Object.entries(marks).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  return `FROM ${baseImage}\n${labels.length === 0 ? '' : `LABEL${labels.join('')}\n`}`;
}

/**
 * Streams sources from the controller through the checks into the engine, as a tar with a Dockerfile
 * and `agents/{name}/…`. Nothing is written to this machine's disk. The stream is destroyed unless
 * every source has its digest and no forbidden entry; `done` then rejects with {@link BadSource}.
 */
export function buildContext(plan: ContextPlan, fetch: (digest: string) => AsyncIterable<Uint8Array>): Packing {
  return packing(async (pack) => {
    const dockerfile = `${dockerfileHead(plan.baseImage, plan.labels ?? {})}COPY agents ${AGENTS}\n${results(plan)}`;
    await packEntry(pack, { name: 'Dockerfile', mode: 0o644 }, dockerfile);
    await packEntry(pack, { name: 'agents', type: 'directory', mode: 0o755 });
    for (const { spec, digest, dependencies } of plan.agents) {
      if (spec === null || !isAgentName(spec.name)) throw new BadSource('an agent has an invalid name');
      const below = `agents/${spec.name}/`;
      await packEntry(pack, { name: `agents/${spec.name}`, type: 'directory', mode: 0o755 });
      const leavesOut = new Set(dependencies?.leavesOut ?? []);
      await readSource(spec.name, digest, fetch(digest), async (part) => {
        if (!leavesOut.has(part.path.split('/', 1)[0] ?? '')) await packPart(pack, below, part);
        else if (part.kind === 'file') for await (const _ of part.content);
      });
      if (dependencies?.directory === undefined) continue;
      const linkname = `${DEPENDENCIES}/${dependencies.key}/${dependencies.directory}`;
      await packEntry(pack, { name: below + dependencies.directory, type: 'symlink', linkname, mode: 0o777 });
    }
  });
}

/** The files that build commands changed replace those of the sources. */
const results = ({ baseImage, agents }: ContextPlan): string =>
  agents
    .filter(({ dependencies }) => dependencies?.hasResult === true)
    .map(({ spec, dependencies }) => `COPY --from=${baseImage} ${DEPENDENCIES}/${dependencies?.key}/${RESULT}/ ${AGENTS}/${spec?.name}/\n`)
    .join('');
