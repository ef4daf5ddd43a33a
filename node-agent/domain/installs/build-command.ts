import { type Dependencies, type Planned, type SourceFiles, sourcePaths } from './planned.ts';
import type { Toolchain } from './toolchains.ts';

/** Returns the build_command of raworc.json, if there is one. */
export function buildCommandIn(files: SourceFiles): string | undefined {
  try {
    const value: unknown = JSON.parse(files.get('raworc.json')?.text ?? '');
    if (typeof value !== 'object' || value === null || !('build_command' in value)) return undefined;
    const { build_command: command } = value;
    return typeof command === 'string' && command.trim() !== '' ? command : undefined;
  } catch {
    return undefined;
  }
}

/** Adds a build command to what is installed. It sees all files, and what it changes is in the image. */
export function withCommand(command: string, runtime: string, files: SourceFiles, planned: Planned): Planned {
  if (!planned.ok) return planned;
  const { dependencies } = planned;
  const isCompiled = dependencies?.installer === 'cargo' || dependencies?.installer === 'go';
  const installed: Pick<Dependencies, 'installer' | 'directory' | 'packageManager'> =
    dependencies === undefined || isCompiled ? { installer: 'none', directory: undefined } : dependencies;
  const toolchain = toolchainOf(runtime, files);
  return {
    ok: true,
    dependencies: {
      ...installed,
      inputs: sourcePaths(files),
      command,
      ...(toolchain === undefined ? {} : { toolchain }),
    },
  };
}

function toolchainOf(runtime: string, files: SourceFiles): Toolchain | undefined {
  if (files.has('Cargo.toml')) return 'rust';
  if (files.has('go.mod')) return 'go';
  return runtime === 'NATIVE' ? 'c' : undefined;
}

/** Where the files that the command changed are, below the directory of an installation. */
export const RESULT = '.result';

/**
 * Runs the command, and leaves in `.cache/result` what was installed, and below RESULT each file
 * that the command made or changed. Change times tell: no program can set them.
 */
export function commandScript(directory: string | undefined, tidy: string): string {
  return `touch .cache/before .cache/after
until find .cache/after -cnewer .cache/before | grep -q .; do touch .cache/after; done
export PATH="$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH" CARGO_HOME="$PWD/.cache/cargo" GOPATH="$PWD/.cache/go" GOCACHE="$PWD/.cache/go-build" GOTOOLCHAIN=local
code=0
/bin/sh -c "$RAWORC_BUILD_COMMAND" || code=$?
if [ $code != 0 ]; then echo "build_command failed with exit code $code"; exit $code; fi
${tidy}rm -rf target/debug target/*/deps target/*/build target/*/.fingerprint target/*/incremental target/*/examples
mkdir -p .cache/result/${RESULT}
${directory === undefined ? '' : `if [ -e ${directory} ]; then mv ${directory} .cache/result/; fi`}
find . -path ./.cache -prune -o \\( -type f -o -type l \\) ! -cnewer .cache/before -exec rm -f {} +
find . -mindepth 1 -type d -empty ! -path './.cache*' -delete
for entry in ./* ./.[!.]*; do
  if [ "$entry" != ./.cache ] && { [ -e "$entry" ] || [ -L "$entry" ]; }; then mv "$entry" .cache/result/${RESULT}/; fi
done`;
}
