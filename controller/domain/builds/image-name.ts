const PLAIN = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;

/**
 * Returns the image name of a build. Image names are lower case and more limited than space names.
 * A space name that does not fit becomes a readable stem, a double underscore and the space's id;
 * no plain name contains a double underscore.
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
