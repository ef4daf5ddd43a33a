import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { baseImageTag } from './base-image.ts';
import type { Wheel } from './package-index.ts';

/** Packs Debian's PyYAML, without its C extension. Prints the wheel. */
const SCRIPT = `set -e
apt-get update -qq >&2; cd /tmp; apt-get download -qq python3-yaml >&2; dpkg -x python3-yaml*.deb deb
exec python3 -c '
import io, pathlib, sys, zipfile
root = pathlib.Path("deb/usr/lib/python3/dist-packages")
out, info = io.BytesIO(), "PyYAML-6.0.dist-info/"
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as wheel:
    modules = sorted((root / "yaml").glob("*.py"))
    assert modules
    for module in modules: wheel.write(module, module.relative_to(root))
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: PyYAML\\nVersion: 6.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    names = [*wheel.namelist(), info + "RECORD"]
    wheel.writestr(info + "RECORD", "".join(name + ",,\\n" for name in names))
sys.stdout.buffer.write(out.getvalue())
'`;

/** Returns PyYAML 6.0 as a wheel for any machine, made from the package in Debian's archive: the tests need no other index. */
export async function yamlWheel(): Promise<Wheel> {
  const args = ['run', '--rm', '--entrypoint', '/bin/sh', await baseImageTag(), '-c', SCRIPT];
  const { stdout } = await promisify(execFile)('docker', args, { encoding: 'buffer', maxBuffer: 16 * 2 ** 20 });
  return { name: 'PyYAML-6.0-py3-none-any.whl', content: stdout };
}
