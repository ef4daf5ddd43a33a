import { createHash } from 'node:crypto';

/** The place of the public certificates in Debian's images. */
export const IMAGE_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';

/** Programs that builds need and base images usually lack. */
export type Toolchain = 'git' | 'rust' | 'go' | 'c';

interface Recipe {
  readonly title: string;
  /** A base image that has all of these needs nothing else. */
  readonly programs: readonly string[];
  /** Debian packages, the best choice first. The first that the mirror has whole is installed. */
  readonly packages: readonly (readonly string[])[];
}

const C = ['gcc', 'libc6-dev'];

export const TOOLCHAINS: Readonly<Record<Toolchain, Recipe>> = {
  git: { title: 'git and ssh', programs: ['git', 'ssh'], packages: [['git', 'openssh-client', 'ca-certificates']] },
  // Debian keeps a recent Rust beside that of its release, for its browsers.
  rust: {
    title: 'the Rust toolchain',
    programs: ['cargo', 'rustc', 'cc'],
    packages: [
      ['cargo-web', 'rustc-web', ...C],
      ['cargo', 'rustc', ...C],
    ],
  },
  go: { title: 'the Go toolchain', programs: ['go'], packages: [['golang-go']] },
  c: { title: 'the C toolchain', programs: ['cc', 'c++', 'make'], packages: [[...C, 'g++', 'make', 'pkg-config']] },
};

/** Equal keys mean equal builder images. Every change of a recipe or of the script changes the key. */
export const toolchainKey = (toolchain: Toolchain, baseImageId: string): string =>
  createHash('sha256')
    .update([baseImageId, toolchainScript(toolchain)].join('\0'))
    .digest('hex')
    .slice(0, 32);

/**
 * Returns the shell script that downloads a toolchain from the mirror of the base image and writes
 * a tar of it to standard output; of nothing, if the image has it. It runs without privileges:
 * packages are checked by their signatures and unpacked, and their own scripts never run.
 */
export function toolchainScript(toolchain: Toolchain): string {
  const { programs, packages } = TOOLCHAINS[toolchain];
  const choices = packages.map((choice, index) => {
    const last = index === packages.length - 1;
    const list = choice.join(' ');
    if (last) return `apt-get -q -y --download-only install ${list}`;
    return `if apt-get -q -y --simulate install ${list} >/dev/null 2>&1; then apt-get -q -y --download-only install ${list}; else`;
  });
  return `set -e
exec 3>&1 1>&2 </dev/null
if command -v ${programs.join(' >/dev/null && command -v ')} >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "The base image has no apt to install ${programs.join(', ')} with. Use a base image that has them." >&2
  exit 64
fi
mkdir -p .cache/lists/partial .cache/archives/partial .cache/tmp root
export TMPDIR="$PWD/.cache/tmp" APT_CONFIG="$PWD/.cache/apt.conf" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
certificates="\${RAWORC_CERTIFICATES:-${IMAGE_CERTIFICATES}}"
cat > "$APT_CONFIG" <<END
Dir::State::Lists "$PWD/.cache/lists";
Dir::Cache "$PWD/.cache";
Dir::Cache::Archives "$PWD/.cache/archives";
Dir::Log "$PWD/.cache";
Debug::NoLocking "true";
APT::Sandbox::User "";
APT::Install-Recommends "false";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::https::CaInfo "$certificates";
END
if [ -n "$RAWORC_APT_URL" ]; then
  . /etc/os-release
  if [ "$ID" = ubuntu ]; then parts="main universe"; else parts=main; fi
  printf 'deb %s %s %s\\n' "$RAWORC_APT_URL" "$VERSION_CODENAME" "$parts" > .cache/sources.list
  printf 'Dir::Etc::SourceList "%s/.cache/sources.list";\\nDir::Etc::SourceParts "/nowhere";\\n' "$PWD" >> "$APT_CONFIG"
fi
apt-get -q update
${choices.join('\n')}
${'fi\n'.repeat(choices.length - 1)}for package in .cache/archives/*.deb; do
  [ -e "$package" ] && dpkg-deb -x "$package" root && rm "$package"
done
# In the image, these directories are links into /usr.
for name in bin sbin lib lib64; do
  if [ -d "root/$name" ]; then mkdir -p "root/usr/$name" && cp -a "root/$name/." "root/usr/$name/" && rm -r "root/$name"; fi
done
# What the packages' own scripts would have linked.
for pair in cc:gcc c++:g++; do
  if [ -e "root/usr/bin/\${pair#*:}" ]; then ln -sf "\${pair#*:}" "root/usr/bin/\${pair%:*}"; fi
done
rm -rf .cache root/usr/share/doc root/usr/share/man root/usr/share/locale
exec tar -C root -cf - . >&3
`;
}
