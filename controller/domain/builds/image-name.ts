const PLAIN = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/**
 * The image of one build of a space. Image names are lower case and may not hold every name of a space: what does not fit
 * becomes a readable stem and, behind a double underscore, the space's id, which no plain name can hold.
 */
export function imageName(spaceName: string, spaceId: string, buildId: string): string {
  if (PLAIN.test(spaceName)) return `raworc_space_${spaceName}:${buildId}`;
  const stem =
    spaceName
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '') || 'space';
  return `raworc_space_${stem}__${spaceId.replaceAll('-', '')}:${buildId}`;
}
