/** How long the fetch of a repository can take, and what else ends it. */
import t from 'tap';
import { UNWATCHED } from '../../../../../node-agent/builds/progress.ts';
import type { BuildEngine, JobEnd, JobPlan } from '../../../../../node-agent/engine/build-engine.ts';
import { type FetchDeps, fetchRepositories } from '../../../../../node-agent/images/repositories/fetch-repositories.ts';
import type { BuildAssignment__Output as BuildAssignment } from '../../../../../proto/generated/raworc/node/v0/BuildAssignment.ts';
import { HandClock } from '../../../hand-clock.ts';

const MINUTE_MS = 60_000;
const URL = 'https://git.example.com/team/repo';
const source = { agent: 'helper', url: URL, ref: 'main', directory: '', knownCommit: '', credential: null };
const assignment = (url = URL) =>
  ({ buildId: 'b', space: 's', agents: [], repositories: [{ ...source, url }] }) as unknown as BuildAssignment;

/** A server that never answers: the fetch in the container goes on until it is ended. */
function silentServer() {
  const images: string[] = [];
  let closed = 0;
  const engine = {
    async start({ image }: JobPlan, signal: AbortSignal) {
      images.push(image);
      const ended = new Promise<JobEnd>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      ended.catch(() => undefined);
      const close = async () => {
        closed += 1;
      };
      const output = (async function* () {
        await ended.catch(() => undefined);
        yield* [] as Uint8Array[];
      })();
      return { output, began: Promise.resolve(false), ended, close };
    },
  } as unknown as BuildEngine;
  const clock = new HandClock();
  const deps: FetchDeps = {
    ...{ clock, engine, baseImageId: 'base', progress: UNWATCHED, gitImage: async () => 'with git' },
    put: async () => {
      throw new Error('nothing was fetched');
    },
  };
  return { clock, deps, images, left: () => images.length - closed };
}

t.test('a fetch from a silent server fails after five minutes, with the reason, and leaves no container', async (t) => {
  for (const url of [URL, 'ssh://git@git.example.com/team/repo']) {
    const { clock, deps, images, left } = silentServer();
    let isOver = false;
    const fetched = fetchRepositories(deps, assignment(url), new AbortController().signal).finally(() => {
      isOver = true;
    });
    fetched.catch(() => undefined);
    await clock.advance(5 * MINUTE_MS - 1);
    t.notOk(isOver, 'not before');
    t.equal(left(), 1);
    await clock.advance(1);
    await t.rejects(fetched, {
      name: 'BadSource',
      message: `the repository ${url} of the agent helper could not be fetched within 5 minutes`,
    });
    t.equal(left(), 0);
    t.same(images, [url === URL ? 'base' : 'with git'], 'once');
    t.equal(clock.timers, 0);
  }
});

t.test('a build that is cancelled meanwhile ends at once, for its own reason', async (t) => {
  const { clock, deps, left } = silentServer();
  const cancelling = new AbortController();
  const fetched = fetchRepositories(deps, assignment(), cancelling.signal);
  fetched.catch(() => undefined);
  await clock.advance(MINUTE_MS);
  cancelling.abort(new Error('The build was cancelled.'));
  await t.rejects(fetched, { message: 'The build was cancelled.' });
  t.equal(left(), 0);
  t.equal(clock.timers, 0);
});
