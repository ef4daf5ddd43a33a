import type { PackageManager } from './package-manager.ts';
import type { Toolchain } from './toolchains.ts';

/** A file of an agent's source. */
export interface SourceFile {
  /** Of its content; of a link, of its target. */
  readonly sha256: string;
  /** The content, of files in DEPENDENCY_FILES that are not too large. */
  readonly text?: string | undefined;
}
export type SourceFiles = ReadonlyMap<string, SourceFile>;

export type Installer = 'pip' | 'pyproject' | 'uv' | 'npm-ci' | 'npm-install' | PackageManager | 'cargo' | 'go' | 'none';

/** What an agent needs installed, and all that its installer sees. */
export interface Dependencies {
  readonly installer: Installer;
  /** The directory that agents find it in, below their own. Undefined: nothing is installed. */
  readonly directory: '.venv' | 'node_modules' | 'target' | undefined;
  /** Sorted paths of the files that decide what is installed. */
  readonly inputs: readonly string[];
  /** The version of pnpm or yarn, if package.json names one. */
  readonly packageManager?: string | undefined;
  /** Runs after the installation. */
  readonly command?: string | undefined;
  /** What the installation needs besides the base image. */
  readonly toolchain?: Toolchain | undefined;
  /** Directories at the root of the source that are not in the image. */
  readonly leavesOut?: readonly string[] | undefined;
}

/** `reason` is a clause for the user. */
export type Planned =
  | { readonly ok: true; readonly dependencies: Dependencies | undefined }
  | { readonly ok: false; readonly reason: string };

const EXCLUDED = /(^|\/)(node_modules|\.venv|__pycache__)(\/|$)/;

/** Returns the paths of a source, sorted, without what builds install themselves. */
export const sourcePaths = (files: SourceFiles): readonly string[] => [...files.keys()].filter((path) => !EXCLUDED.test(path)).sort();
