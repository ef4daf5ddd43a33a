import type { SourceFiles } from './planned.ts';

/** The Dockerfile of an agent's own image, if it has one. */
export type OwnImage =
  | { readonly kind: 'none' }
  | { readonly kind: 'dockerfile'; readonly text: string; readonly isAsked: boolean }
  | { readonly kind: 'refused'; readonly reason: string };

/**
 * Returns the Dockerfile that an agent's image begins with: that of the source, unless raworc.json
 * says `"dockerfile": false`, or one line for the `base_image` of raworc.json.
 */
export function ownImageOf(files: SourceFiles): OwnImage {
  const { dockerfile, base_image: baseImage } = manifestOf(files);
  const hasFile = files.has('Dockerfile') && dockerfile !== false;
  if (typeof baseImage === 'string' && baseImage !== '') {
    if (dockerfile === true) return no('raworc.json has both base_image and dockerfile; name the image in FROM instead');
    if (!/^[\w.:@/-]{1,255}$/.test(baseImage)) return no(`base_image in raworc.json is no name of an image`);
    return { kind: 'dockerfile', text: `FROM ${baseImage}\n`, isAsked: true };
  }
  if (dockerfile === true && !hasFile) return no('raworc.json asks for a Dockerfile, and there is none at the top of the source');
  if (!hasFile) return { kind: 'none' };
  const text = files.get('Dockerfile')?.text;
  return text === undefined ? no('the Dockerfile is a link or too large') : { kind: 'dockerfile', text, isAsked: dockerfile === true };
}

function manifestOf(files: SourceFiles): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(files.get('raworc.json')?.text ?? '{}');
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
  } catch {
    return {};
  }
}

const no = (reason: string): OwnImage => ({ kind: 'refused', reason });
