import { createHash } from 'node:crypto';
import { commandScript } from './installs/build-command.ts';
import { COMPILE } from './installs/native-program.ts';
import { packageManagerScript } from './installs/package-manager.ts';
import type { Dependencies, Installer, SourceFiles } from './installs/planned.ts';
import { IMAGE_CERTIFICATES, toolchainKey } from './installs/toolchains.ts';

/** Raise it when the same files install something else than before. */
const INSTALLER_VERSION = '3';

/** In images: `{DEPENDENCIES}/{key}` holds the inputs and what was installed from them. */
export const DEPENDENCIES = '/opt/raworc/deps';
export const AGENTS = '/opt/raworc/agents';
/** npm's own files, mounted in containers that install. */
export const NPM = '/opt/raworc/npm';

export interface Base {
  /** The id of the base image, which also decides the platform and Python. */
  readonly imageId: string;
  readonly npmVersion: string;
}

/** Equal keys mean equal dependencies: they are installed once and shared. */
export function keyOf({ installer, inputs, toolchain }: Dependencies, files: SourceFiles, { imageId, npmVersion }: Base): string {
  const hash = createHash('sha256');
  const version = installer.startsWith('npm') ? npmVersion : '';
  const tools = toolchain === undefined ? [] : [toolchainKey(toolchain, imageId)];
  for (const part of [INSTALLER_VERSION, installer, version, imageId, ...tools]) hash.update(part).update('\0');
  for (const path of inputs)
    hash
      .update(path)
      .update('\0')
      .update(files.get(path)?.sha256 ?? '')
      .update('\0');
  return hash.digest('hex').slice(0, 32);
}

const PIP = 'install --no-input --disable-pip-version-check --no-cache-dir --progress-bar off --no-warn-script-location';
const NPM_FLAGS = '--no-audit --no-fund --no-update-notifier --loglevel=warn';
const node = `node ${NPM}/bin/npm-cli.js`;

/**
 * `python3 -m venv` compiles all of pip, which takes as long as installing twenty packages. This unpacks
 * the same wheels, and leaves what is compiled to the first import.
 */
const SEED = `import ensurepip, glob, os, sys, sysconfig, zipfile
own = os.path.dirname(ensurepip.__file__)
places = [getattr(ensurepip, "_WHEEL_PKG_DIR", None) or own, os.path.join(own, "_bundled")]
for name in ["pip"] + (["setuptools"] if sys.version_info < (3, 12) else []):
    wheels = sorted(wheel for place in places for wheel in glob.glob(os.path.join(place, name + "-*.whl")))
    zipfile.ZipFile(wheels[-1]).extractall(sysconfig.get_path("purelib"))
for name in ["pip", "pip3"]:
    path = os.path.join(sysconfig.get_path("scripts"), name)
    with open(path, "w") as file:
        file.write("#!" + sys.executable + "\\nimport sys\\nfrom pip._internal.cli.main import main\\nsys.exit(main())\\n")
    os.chmod(path, 0o755)`;
const makeVenv = (path: string) => `python3 -m venv --without-pip ${path}
if ! ${path}/bin/python -c '${SEED}' 2>/dev/null; then
  rm -rf ${path}
  python3 -m venv ${path}
fi`;

/** The dependencies of [project], one a line, as pip reads them. */
const PROJECT_DEPENDENCIES = `import tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file).get("project", {})
print("\\n".join(project.get("dependencies", [])))`;

const INSTALL: Readonly<Record<Exclude<Installer, 'npm-ci' | 'npm-install' | 'pnpm' | 'yarn'>, string>> = {
  none: '',
  ...COMPILE,
  pip: `${makeVenv('.venv')}
.venv/bin/python -m pip ${PIP} -r requirements.txt`,
  pyproject: `python3 -c '${PROJECT_DEPENDENCIES}' > .cache/requirements.txt
${makeVenv('.venv')}
.venv/bin/python -m pip ${PIP} -r .cache/requirements.txt`,
  uv: `if command -v uv >/dev/null; then uv=uv; else
  ${makeVenv('.cache/uv')}
  .cache/uv/bin/python -m pip ${PIP} uv
  uv=.cache/uv/bin/uv
fi
python3 -m venv --without-pip .venv
UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 "$uv" sync --frozen --no-dev --no-install-project --no-progress --python .venv/bin/python`,
};

/** A build command can need what `devDependencies` name. npm leaves them out of the image then. */
function npmScript(installer: 'npm-ci' | 'npm-install', withDev: boolean): string {
  const command = installer === 'npm-ci' ? 'ci' : 'install --no-package-lock';
  return `${node} ${command} ${withDev ? '' : '--omit=dev '}${NPM_FLAGS}
mkdir -p node_modules`;
}

function installing({ installer, packageManager, command }: Dependencies): string {
  const withDev = command !== undefined;
  if (installer === 'pnpm' || installer === 'yarn') return packageManagerScript(installer, packageManager, withDev);
  if (installer === 'npm-ci' || installer === 'npm-install') return npmScript(installer, withDev);
  return INSTALL[installer];
}

/** Removes what only the build command needed. yarn cannot. */
function pruning(installer: Installer): string {
  if (installer === 'pnpm') return 'pnpm prune --prod\n';
  return installer === 'npm-ci' || installer === 'npm-install' ? `${node} prune --no-package-lock --omit=dev ${NPM_FLAGS}\n` : '';
}

/** Variables by which programs learn what certificates to trust. */
export const TRUSTING = [
  'SSL_CERT_FILE',
  'PIP_CERT',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'GIT_SSL_CAINFO',
  'NODE_EXTRA_CA_CERTS',
  'npm_config_cafile',
  'CARGO_HTTP_CAINFO',
];

/**
 * Returns the shell script of an installation. It reads a tar of the inputs, installs beside them
 * with all output on standard error, and then writes a tar of the directory to standard output.
 */
export function installScript(dependencies: Dependencies): string {
  const { installer, directory, command } = dependencies;
  const isMoved = command !== undefined || installer === 'cargo' || installer === 'go';
  return `set -e
mkdir -p .cache/tmp .cache/bin .cache/home
tar -xf -
exec 3>&1 1>&2 </dev/null
printf '#!/bin/sh\\nexec ${node} "$@"\\n' > .cache/bin/npm
chmod 755 .cache/bin/npm
export HOME="$PWD/.cache/home" TMPDIR="$PWD/.cache/tmp" XDG_CACHE_HOME="$PWD/.cache" npm_config_cache="$PWD/.cache/npm" PATH="$PWD/.cache/bin:$PATH"
certificates="\${RAWORC_CERTIFICATES:-${IMAGE_CERTIFICATES}}"
if [ -f "$certificates" ]; then
${TRUSTING.map((name) => `  export ${name}="$certificates"`).join('\n')}
fi
unset RAWORC_CERTIFICATES
(
${[installing(dependencies), ...(command === undefined ? [] : [commandScript(directory, pruning(installer))])].join('\n')}
) 3>&-
${isMoved ? 'cd .cache/result\nexec tar -cf - . >&3' : 'exec tar -cf - --exclude=./.cache . >&3'}
`;
}
