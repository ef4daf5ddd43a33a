import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One line of apt's sources: a repository of binary packages. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** A keyring's path, where one is named. */
  readonly signedBy?: string;
  readonly trusted: boolean;
}

/** Where the machine's own apt takes its packages from, in apt's order. */
export function machineSources(directory = '/etc/apt'): readonly AptSource[] {
  const parts = join(directory, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const read = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  return [
    ...parseList(read(join(directory, 'sources.list'))),
    ...names.flatMap((name) => {
      if (name.endsWith('.list')) return parseList(read(join(parts, name)));
      return name.endsWith('.sources') ? parseDeb822(read(join(parts, name))) : [];
    }),
  ];
}

/** The repository that holds the whole of a release: debootstrap's mirror. */
export function mirrorOf(suite: string, sources: readonly AptSource[]): AptSource | undefined {
  return sources.find((source) => source.suite === suite && source.components.includes('main') && /^https?:|^file:/.test(source.uri));
}

/** The one-line format: `deb [options] uri suite component…`. */
export function parseList(text: string): readonly AptSource[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match) return [];
    const [, options = '', uri = '', suite = '', components = ''] = match;
    const signedBy = /(?:^|\s)signed-by=(\/\S+)/.exec(options)?.[1];
    return [source(uri, suite, words(components), signedBy, /(?:^|\s)trusted=yes/.test(options))];
  });
}

/** The format of `.sources` files: stanzas of fields, several URIs and suites in each. */
export function parseDeb822(text: string): readonly AptSource[] {
  const stanzas = text.replace(/^#.*\n?/gm, '').split(/\n\s*\n/);
  return stanzas.flatMap((stanza) => {
    const fields = new Map<string, string>();
    for (const [, name = '', value = ''] of stanza.matchAll(/^([A-Za-z0-9-]+):((?:.*)(?:\n[ \t].*)*)/gm))
      fields.set(name.toLowerCase(), value.trim());
    if (!words(fields.get('types')).includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return [];
    const key = fields.get('signed-by');
    const signedBy = key?.startsWith('/') && !key.includes('\n') ? key : undefined;
    const trusted = fields.get('trusted')?.toLowerCase() === 'yes';
    return words(fields.get('uris')).flatMap((uri) =>
      words(fields.get('suites')).map((suite) => source(uri, suite, words(fields.get('components')), signedBy, trusted)),
    );
  });
}

function source(uri: string, suite: string, components: readonly string[], signedBy: string | undefined, trusted: boolean): AptSource {
  return { uri, suite, components, trusted, ...(signedBy === undefined ? {} : { signedBy }) };
}

function words(text: string | undefined): readonly string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}
