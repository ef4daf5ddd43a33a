/** The package managers of Node.js besides npm, and which version of them installs. */
export type PackageManager = 'pnpm' | 'yarn';

export const LOCKS: Readonly<Record<PackageManager, string>> = { pnpm: 'pnpm-lock.yaml', yarn: 'yarn.lock' };

export type Chosen =
  | { readonly ok: true; readonly manager: 'npm' }
  /** `version` is that of package.json; undefined: what the lock file fits. */
  | { readonly ok: true; readonly manager: PackageManager; readonly version: string | undefined }
  | { readonly ok: false; readonly reason: string };

/** The oldest versions that run on the Node.js of builds. */
const OLDEST = { pnpm: 7, yarn: 1 } as const;

/**
 * Chooses by `packageManager` of package.json, or else by the lock file. pnpm and yarn need their
 * lock file, so that a build installs what was tested.
 */
export function choosePackageManager(wanted: unknown, has: (path: string) => boolean): Chosen {
  const named = typeof wanted === 'string' ? /^([a-z]+)@(\d+)(\.\d+\.\d+[\w.-]*)(?:\+\S*)?$/.exec(wanted) : null;
  if (typeof wanted === 'string' && named === null)
    return no(
      `packageManager in package.json must be a name and an exact version, such as pnpm@10.4.1, not ${JSON.stringify(wanted.slice(0, 100))}`,
    );
  const [, name, major = '', rest = ''] = named ?? [];
  if (name === 'npm') return { ok: true, manager: 'npm' };
  if (name !== undefined && name !== 'pnpm' && name !== 'yarn')
    return no(`packageManager in package.json names ${name}; builds install with npm, pnpm or yarn`);
  if (name !== undefined) {
    const lock = LOCKS[name];
    if (!has(lock))
      return no(`packageManager in package.json names ${name}, but there is no ${lock}; run ${name} install and deploy it too`);
    if (Number(major) < OLDEST[name])
      return no(`packageManager in package.json names ${name} ${major}; builds need ${OLDEST[name]} or newer`);
    return { ok: true, manager: name, version: major + rest };
  }
  if (has('package-lock.json') || has('npm-shrinkwrap.json')) return { ok: true, manager: 'npm' };
  const found = (['pnpm', 'yarn'] as const).find((one) => has(LOCKS[one]));
  return found === undefined ? { ok: true, manager: 'npm' } : { ok: true, manager: found, version: undefined };
}

const no = (reason: string): Chosen => ({ ok: false, reason });

/** Returns the npm package of a package manager. */
function packageOf(manager: PackageManager, version: string): string {
  if (manager === 'pnpm') return `pnpm@${version}`;
  return version.startsWith('1.') ? `yarn@${version}` : `@yarnpkg/cli-dist@${version}`;
}

const PNPM_OF_LOCK = `case "$(head -c 200 pnpm-lock.yaml)" in
*lockfileVersion:*9.*) tool=pnpm@10 ;;
*lockfileVersion:*6.*) tool=pnpm@8 ;;
*lockfileVersion:*5.*) tool=pnpm@7 ;;
*) echo "pnpm-lock.yaml has an unknown lockfileVersion: set packageManager in package.json"; exit 1 ;;
esac`;
/** Other versions would change a lock file of this one, which `--immutable` refuses. */
const YARN_OF_LOCK = `case "$(sed -n '/^__metadata:/,/version:/s/.*version: *//p' yarn.lock)" in
'') tool=yarn@1 ;;
4) tool=@yarnpkg/cli-dist@2 ;;
5|6) tool=@yarnpkg/cli-dist@3 ;;
7|8) tool=@yarnpkg/cli-dist@~4.9.0 ;;
*) tool=@yarnpkg/cli-dist@4 ;;
esac`;

/** Returns shell lines that install with a package manager; it comes from the npm registry itself. */
export function packageManagerScript(manager: PackageManager, version: string | undefined, withDev: boolean): string {
  const choice = version === undefined ? (manager === 'pnpm' ? PNPM_OF_LOCK : YARN_OF_LOCK) : `tool=${packageOf(manager, version)}`;
  const fetch = `${choice}
mkdir -p .cache/manager && (cd .cache/manager && npm install --no-save --no-audit --no-fund --no-update-notifier --loglevel=error --prefix . "$tool")
export PATH="$PWD/.cache/manager/node_modules/.bin:$PATH"`;
  if (manager === 'pnpm')
    return `${fetch}
export CI=true npm_config_store_dir="$PWD/.cache/pnpm-store" npm_config_package_import_method=copy npm_config_manage_package_manager_versions=false
pnpm install --frozen-lockfile ${withDev ? '' : '--prod '}--reporter=append-only
mkdir -p node_modules`;
  return `${fetch}
export CI=true YARN_CACHE_FOLDER="$PWD/.cache/yarn"
if [ "\${tool#yarn@}" != "$tool" ]; then
  yarn install --frozen-lockfile ${withDev ? '' : '--production '}--non-interactive --no-progress
else
  export YARN_IGNORE_PATH=1 YARN_NODE_LINKER=node-modules YARN_ENABLE_GLOBAL_CACHE=false YARN_ENABLE_TELEMETRY=0 YARN_ENABLE_PROGRESS_BARS=0
  [ -z "$npm_config_registry" ] || export YARN_NPM_REGISTRY_SERVER="$npm_config_registry"
  [ -z "$NODE_EXTRA_CA_CERTS" ] || export YARN_HTTPS_CA_FILE_PATH="$NODE_EXTRA_CA_CERTS"
  [ -z "$HTTP_PROXY" ] || export YARN_HTTP_PROXY="$HTTP_PROXY"
  [ -z "$HTTPS_PROXY" ] || export YARN_HTTPS_PROXY="$HTTPS_PROXY"
  yarn install --immutable
fi
mkdir -p node_modules`;
}
