import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Something that this installation made on the machine. */
export interface Belonging {
  readonly kind: string;
  readonly name: string;
  remove(): unknown;
}

/** Disks of sessions on each node, most of them mounted, and disks prepared for new ones. */
export function disks(dataDir: string): readonly Belonging[] {
  return globSync(join(dataDir, 'nodes/*/disks')).flatMap((directory) =>
    readdirSync(directory).map((name) => ({
      kind: 'disk',
      name: join(directory, name),
      remove() {
        const mount = join(directory, name, 'fs');
        if (existsSync(mount) && statSync(mount).dev !== statSync(directory).dev) execFileSync('umount', [mount]);
        execFileSync('rm', ['-rf', '--one-file-system', '--', join(directory, name)]);
      },
    })),
  );
}

/** The directories where each node's guests connect. */
export function sockets(dataDir: string): readonly Belonging[] {
  const ids = globSync(join(dataDir, 'nodes/*/identity.json')).map(
    (file) => /"nodeId":\s*"([0-9a-f-]{36})"/.exec(readFileSync(file, 'utf8'))?.[1],
  );
  const paths = ids.flatMap((id) => (id === undefined ? [] : [join('/run/raworc', id.slice(0, 8))])).filter((path) => existsSync(path));
  return paths.map((name) => ({ kind: 'sockets', name, remove: () => rmSync(name, { recursive: true, force: true }) }));
}
