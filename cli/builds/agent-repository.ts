import { stat } from 'node:fs/promises';
import type { Build, Raworc } from '../../sdk/raworc.ts';
import { Trouble } from '../io.ts';

/** Where in a repository the agent is, and what opens it. */
export interface RepositoryOptions {
  readonly branch?: string;
  readonly directory?: string;
  readonly secret?: string;
}

const PLACE = /^(?:[a-z]+:\/\/|git@[^/]+:)|^[A-Za-z0-9_][\w.-]*(?:\/[\w.~-]+)+\/?$/;

/** Whether the argument of a deploy names a repository. A directory that exists is one, whatever its name. */
export async function isRepository(source: string): Promise<boolean> {
  const found = await stat(source).catch(() => undefined);
  return found === undefined && PLACE.test(source);
}

/** Returns the last part of the path: what people call the repository. */
export function repositoryName(source: string, directory: string | undefined): string {
  const path = (directory ?? source).replace(/\/+$/, '');
  const name = path.slice(Math.max(path.lastIndexOf('/'), directory === undefined ? path.lastIndexOf(':') : -1) + 1);
  return name.replace(/\.git$/, '');
}

/** Throws if an option needs a repository. */
export function refuseRepositoryOptions(source: string, options: RepositoryOptions): void {
  const given = (['branch', 'directory', 'secret'] as const).find((name) => options[name] !== undefined);
  if (given !== undefined) throw new Trouble(`--${given} is for repositories, and ${source} is a directory`);
}

/**
 * Makes a repository the source of an agent. What is not given stays as it is, if the repository is
 * the same.
 */
export async function setRepository(
  raworc: Raworc,
  space: string,
  name: string,
  source: string,
  { branch, directory, secret }: RepositoryOptions,
): Promise<string> {
  const before = await raworc.agents.get(space, name);
  const isSame = before.source_repo === source;
  const agent = await raworc.agents.update(space, name, {
    source_repo: source,
    ...(branch === undefined && isSame ? {} : { source_branch: branch ?? 'HEAD' }),
    ...(directory === undefined && isSame ? {} : { source_directory: directory ?? null }),
    ...(secret === undefined && isSame ? {} : { source_secret: secret ?? null }),
  });
  return agent.source_branch === 'HEAD' ? 'default branch' : agent.source_branch;
}

/** Returns the commit of an agent in a build, shortened. */
export const commitIn = ({ sources }: Build, agent: string): string | undefined =>
  sources?.find((source) => source.agent === agent)?.commit?.slice(0, 12);
