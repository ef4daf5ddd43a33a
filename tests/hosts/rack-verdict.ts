import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { z } from 'zod';
import { partsOf } from '../../controller/registry/manifest.ts';
import { expect } from '../cluster/rest.ts';
import { storedSession } from '../cluster/storm-verdict.ts';
import { DATA } from './data-disk.ts';
import type { Rack } from './rack.ts';

const rowsShape = z.array(storedSession);
const imagesShape = z.array(z.object({ id: z.string(), repository: z.string(), digest: z.string() }));
const REGISTRY = `${DATA}/controller/registry/storage/docker/registry/v2`;

/**
 * The store, what the nodes say and the Docker and disks of every host agree: these sessions run,
 * each with one container, one mounted disk and one socket on its node's host, and there is nothing
 * else. Each node reports the images that it has.
 */
export async function judgeRack(t: Test, rack: Rack, sessions: readonly string[]): Promise<void> {
  const { rest } = rack;
  const nodes = await rest.nodes();
  const hostOf = new Map(nodes.map(({ id, name }) => [id, name]));
  for (const { name, status, images } of nodes) {
    t.equal(status, 'ready', `${name} is ready`);
    t.same(expect(await rest.call('GET', `/nodes/${name}/orphans`), 200, 'orphans'), [], `${name} has no orphans`);
    t.same([...images].sort(), await rack.host(name).images(), `${name} reports the images that its Docker has`);
  }
  const rows = rowsShape.parse(await rack.head.query("select * from sessions where desired <> 'deleted'"));
  t.same(rows.map(({ id }) => id).sort(), [...sessions].sort(), 'the store knows these sessions and no more');
  t.same(await rack.head.query('select 1 from queue'), [], 'and no message without an answer');
  for (const row of rows) t.match(row, { desired: 'running', phase: 'running', observed_generation: row.generation });
  const found = await Promise.all(
    rack.all.map(async (host) => {
      const containers = await host.containers();
      const disks = host.disks().sort();
      t.same((await host.running()).toSorted(), containers.toSorted(), `every container of ${host.name} runs`);
      t.same((await host.docker('ps', '-aq', '--no-trunc')).split('\n').filter(Boolean).sort(), containers.map(([, id]) => id).sort());
      t.same(await host.strayImages(), [], `${host.name} has no image without a name, or with the name of a move`);
      t.same(host.mountedDisks(), disks, `each disk of ${host.name} is mounted once`);
      t.same(host.sockets(), disks.map((session) => session.replaceAll('-', '')).sort(), `and has its socket`);
      return {
        containers: containers.map(([session, container]) => [host.name, session, container]),
        disks: disks.map((session) => [host.name, session]),
      };
    }),
  );
  t.same(
    found.flatMap(({ containers }) => containers).sort(),
    rows.map((row) => [hostOf.get(row.node_id), row.id, row.container_id]).sort(),
    'each has its container on its host, and no host has another',
  );
  t.same(
    found.flatMap(({ disks }) => disks).sort(),
    rows.map((row) => [hostOf.get(row.node_id), row.id]).sort(),
    'and its disk, and no host has another',
  );
}

/**
 * The storage of the controller's registry has the manifests of the images in the store and no
 * others, and each blob that these name, with the content of its digest.
 */
export async function judgeRegistry(t: Test, { head }: Rack): Promise<void> {
  const rows = imagesShape.parse(await head.query('select id, repository, digest from images'));
  const repositories = head.machine.path(`${REGISTRY}/repositories`);
  const blobOf = (digest: string) => `${REGISTRY}/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`;
  const partsIn = (digest: string) => partsOf(readFileSync(head.machine.path(blobOf(digest)), 'utf8'));
  const named = rows.flatMap(({ repository, digest }) => {
    const { isIndex, digests } = partsIn(digest);
    return [digest, ...(isIndex ? digests : [])].map((one) => `${repository}@${one}`);
  });
  const found = globSync('**/_manifests/revisions/sha256/*/link', { cwd: repositories });
  t.ok(found.length > 0, `the registry has manifests: ${named.join(', ')}`);
  t.same(
    found.map((path) => path.replace('/_manifests/revisions/sha256/', '@sha256:').replace('/link', '')).sort(),
    [...new Set(named)].sort(),
    'the registry has the manifest of each image in the store, and no more',
  );
  const tags = globSync('**/_manifests/tags/*/current/link', { cwd: repositories });
  const tagged = tags.map((path) => `${path.split('/_manifests/')[0]}@${readFileSync(join(repositories, path), 'utf8')}`);
  t.same(
    [...new Set(tagged)].sort(),
    [...new Set(rows.map(({ repository, digest }) => `${repository}@${digest}`))].sort(),
    'by their tags',
  );
  const blobs = new Set(named.flatMap((one) => partsIn(one.split('@')[1] ?? '').digests));
  for (const digest of blobs)
    t.equal((await head.machine.run('sha256sum', blobOf(digest))).split(' ')[0], digest.slice(7), `the registry has ${digest} whole`);
}
