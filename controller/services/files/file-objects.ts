import { type Bytes, bufferOf } from '../../../proto/streams/files-paths.ts';
import type { FileEntry } from '../../../proto/streams/files-stream.ts';
import type { FileEntryObject } from '../../contract/files.ts';

/** Returns a file as the API shows it. */
export function fileObject({ path, type, size, mode, modifiedAtMs, uid, gid, owner, group, tag, link }: FileEntry): FileEntryObject {
  return {
    ...pathFields('path', path),
    name: textOf(path.slice(path.lastIndexOf('/') + 1)),
    ...{ type, size, uid, gid },
    mode: octal(mode),
    modified_at: new Date(modifiedAtMs).toISOString(),
    ...(owner === undefined ? {} : { owner: owner.toWellFormed() }),
    ...(group === undefined ? {} : { group: group.toWellFormed() }),
    etag: `"${tag}"`,
    ...(link === undefined ? {} : { link: linkObject(link) }),
  };
}

function linkObject({ text, target, type, size, mode }: NonNullable<FileEntry['link']>): NonNullable<FileEntryObject['link']> {
  return {
    ...pathFields('text', text),
    ...(target === undefined ? {} : pathFields('target', target)),
    ...(type === undefined ? {} : { type }),
    ...(size === undefined ? {} : { size }),
    ...(mode === undefined ? {} : { mode: octal(mode) }),
  };
}

const octal = (mode: number): string => mode.toString(8).padStart(4, '0');
const textOf = (bytes: Bytes): string => bufferOf(bytes).toString();

/** A path as text, and its bytes where the text is not the whole truth. */
export function pathFields<Name extends string>(name: Name, bytes: Bytes) {
  const buffer = bufferOf(bytes);
  const text = buffer.toString();
  const shown = { [name]: text } as Record<Name, string>;
  if (Buffer.from(text).equals(buffer)) return shown;
  return { ...shown, ...({ [`${name}_base64`]: buffer.toString('base64') } as Partial<Record<`${Name}_base64`, string>>) };
}
