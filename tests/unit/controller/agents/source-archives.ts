import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import tar from 'tar-stream';

export interface Item {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly type?: tar.Header['type'];
  readonly linkname?: string;
  readonly mode?: number;
  readonly mtime?: Date;
  readonly pax?: Record<string, string>;
}

/** A tar of these entries, however odd they are. */
export function tarOf(items: readonly Item[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { content = '', ...header } of items) pack.entry(header, content);
  pack.finalize();
  return buffer(pack as AsyncIterable<Uint8Array>);
}

export const archiveOf = async (items: readonly Item[]): Promise<Buffer> => gzipSync(await tarOf(items));

export const main: Item = { name: 'main.py', content: 'def process_message(message, context):\n    return message\n' };
