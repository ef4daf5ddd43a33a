/** Writes proto/generated from the .proto files: types, and one descriptor for all codecs. */
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const proto = join(dirname(fileURLToPath(import.meta.url)), '..', 'proto');
const files = ['delivery.proto', 'guest.proto', 'node.proto'];
const out = resolve(process.argv[2] ?? join(proto, 'generated'));

rmSync(out, { recursive: true, force: true });
execFileSync(
  join(proto, '..', 'node_modules', '.bin', 'proto-loader-gen-types'),
  [
    ...['--keepCase=false', '--longs=Number', '--enums=String', '--defaults', '--oneofs', '--includeComments'],
    ...['--grpcLib=@grpc/grpc-js', '--importFileExtension=.ts', '-I', '.', '-O', out, ...files],
  ],
  { cwd: proto, stdio: ['ignore', 'ignore', 'inherit'] },
);
const root = new protobuf.Root();
root.resolvePath = (_origin, target) => resolve(proto, target);
root.loadSync(files);
writeFileSync(join(out, 'descriptor.json'), `${JSON.stringify(root.toJSON(), null, 1)}\n`);
