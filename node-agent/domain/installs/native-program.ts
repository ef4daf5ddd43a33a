import { type Planned, type SourceFiles, sourcePaths } from './planned.ts';

/** Of Rust and Go: the vendored sources of what is compiled in, and what other builds left. */
const COMPILED_AWAY = ['target', 'vendor'];

/** Files that say how an agent is deployed, not what its program does. */
const IRRELEVANT = new Set(['raworc.json', '.raworcignore', 'README.md', 'LICENSE', '.gitignore']);

/** Returns what compiles a native agent: nothing if its program was uploaded. */
export function programOf(files: SourceFiles): Planned {
  const compiler = files.has('Cargo.toml') ? 'cargo' : files.has('go.mod') ? 'go' : undefined;
  if (compiler === undefined || [...files.keys()].some((path) => path.startsWith('target/release/')))
    return { ok: true, dependencies: undefined };
  return {
    ok: true,
    dependencies: {
      installer: compiler,
      directory: 'target',
      inputs: sourcePaths(files).filter((path) => !IRRELEVANT.has(path)),
      toolchain: compiler === 'cargo' ? 'rust' : 'go',
      leavesOut: COMPILED_AWAY,
    },
  };
}

/**
 * Compiles in the working directory. Programs end up in target/release below `.cache/result`, where
 * cargo puts them too.
 */
export const COMPILE: Readonly<Record<'cargo' | 'go', string>> = {
  cargo: `export CARGO_HOME="$PWD/.cache/cargo" CARGO_TARGET_DIR="$PWD/.cache/target" CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 CARGO_NET_RETRY=2
mkdir -p "$CARGO_HOME" .cache/result/target/release
if [ -n "$RAWORC_CRATES_URL" ]; then
  printf '[source.crates-io]\\nreplace-with = "mirror"\\n[source.mirror]\\nregistry = "%s"\\n' "$RAWORC_CRATES_URL" > "$CARGO_HOME/config.toml"
fi
locked=
if [ -f Cargo.lock ]; then locked=--locked; fi
cargo build --release $locked
find .cache/target/release -maxdepth 1 -type f -perm -u+x -exec cp {} .cache/result/target/release/ \\;
if [ -z "$(ls .cache/result/target/release)" ]; then
  echo "cargo built no program in target/release: Cargo.toml needs a binary, such as src/main.rs"
  exit 1
fi`,
  go: `export GOPATH="$PWD/.cache/go" GOCACHE="$PWD/.cache/go-build" GOFLAGS="-trimpath $GOFLAGS" GOTOOLCHAIN=local CGO_ENABLED=0 GOTELEMETRY=off
mkdir -p .cache/result/target/release
go build -buildvcs=false -o .cache/result/target/release/ ./...
if [ -z "$(ls .cache/result/target/release)" ]; then
  echo "go built no program: a package main with a func main is missing"
  exit 1
fi
chmod -R u+w .cache/go 2>/dev/null || true`,
};
