import { packDirectory } from '../cluster/agents.ts';
import { expect, type Rest } from '../cluster/rest.ts';
import { type Build, buildShape } from '../cluster/shapes.ts';

/** A first build with toolchains downloads and unpacks them. */
const LIMIT_MS = 900_000;

/** The fields of an agent that comes from a repository. */
export interface FromRepository {
  readonly source_repo: string;
  readonly source_secret?: string;
}

/**
 * Creates agents from their directories, or from repositories, deploys them all, and returns the
 * build that has them, once it is over.
 */
export async function deployAll(rest: Rest, agents: Readonly<Record<string, string | FromRepository>>, space = 'default'): Promise<Build> {
  const path = `/spaces/${space}`;
  const news = await rest.watch('/events');
  try {
    for (const [name, from] of Object.entries(agents)) {
      expect(await rest.call('POST', `${path}/agents`, { name }), 201, `create agent ${name}`);
      if (typeof from === 'string') {
        const source = await packDirectory(from);
        expect(await rest.send('PUT', `${path}/agents/${name}/source`, source, 'application/gzip'), 201, `upload ${name}`);
      } else expect(await rest.call('PUT', `${path}/agents/${name}`, from), 200, `name the repository of ${name}`);
    }
    for (const name of Object.keys(agents)) expect(await rest.call('POST', `${path}/agents/${name}/deploy`), 200, `deploy ${name}`);
    const { id } = await rest.latestBuild(space);
    let over: Build | undefined;
    await news.until(
      `build ${id} to be over`,
      ({ data }) => {
        const build = buildShape.safeParse(data.build);
        if (build.success && build.data.id === id && ['completed', 'failed'].includes(build.data.status)) over = build.data;
        return over !== undefined;
      },
      LIMIT_MS,
    );
    if (over === undefined) throw new Error('the build has no end');
    return over;
  } finally {
    news.close();
  }
}
