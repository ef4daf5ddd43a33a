import { packDirectory } from '../cluster/agents.ts';
import { expect, type Rest } from '../cluster/rest.ts';
import { type Build, buildShape } from '../cluster/shapes.ts';

const SPACE = '/spaces/default';
/** A first build with toolchains downloads and unpacks them. */
const LIMIT_MS = 900_000;

/** Creates agents from their directories, deploys them all, and returns the build that has them, once it is over. */
export async function deployAll(rest: Rest, directories: Readonly<Record<string, string>>): Promise<Build> {
  const news = await rest.watch('/events');
  try {
    for (const [name, directory] of Object.entries(directories)) {
      expect(await rest.call('POST', `${SPACE}/agents`, { name }), 201, `create agent ${name}`);
      const source = await packDirectory(directory);
      expect(await rest.send('PUT', `${SPACE}/agents/${name}/source`, source, 'application/gzip'), 201, `upload ${name}`);
    }
    for (const name of Object.keys(directories)) expect(await rest.call('POST', `${SPACE}/agents/${name}/deploy`), 200, `deploy ${name}`);
    const { id } = await rest.latestBuild();
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
