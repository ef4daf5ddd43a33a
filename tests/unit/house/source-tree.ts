import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cut } from './source-text.ts';

export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  /** Without comments and the insides of strings. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** A path from the project's root, or a package's name as written. */
  readonly target: string;
  readonly isLocal: boolean;
  /** `import type` and `export type`: nothing is loaded. */
  readonly typeOnly: boolean;
}

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));

/** Every TypeScript file below the given folders, without what is generated. */
export function sourceTree(folders: readonly string[]): readonly SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .filter((path) => !/^(proto|sdk)\/generated\//.test(path))
      .map((path) => sourceFile(path, readFileSync(join(root, path), 'utf8'))),
  );
}

export function sourceFile(path: string, text: string): SourceFile {
  const { code, uncommented } = cut(text);
  return { path, code, imports: importsOf(path, uncommented) };
}

function importsOf(path: string, text: string): readonly Import[] {
  const statement =
    /(?:^|[\n;])\s*(?:import|export)\s+(type\s)?(?:[^'";()]*?\sfrom\s+)?['"]([^'"\n]+)['"]|\bimport\(\s*['"]([^'"\n]+)['"]/g;
  return [...text.matchAll(statement)].map(([, type, named, dynamic]) => {
    const target = named ?? dynamic ?? '';
    const isLocal = target.startsWith('.');
    return { target: isLocal ? join(dirname(path), target) : target, isLocal, typeOnly: type !== undefined };
  });
}
