/**
 * Platforms on which images run. An image has one name in the cluster, and for each platform a
 * content of its own: built, pushed, recorded and pulled separately.
 */

/** As in an index of images. These are the ones that the package brings a Node.js for. */
export const PLATFORMS = ['linux/amd64', 'linux/arm64'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Of nodes whose release does not report one, and of images recorded then. */
export const DEFAULT_PLATFORM: Platform = 'linux/amd64';

export const platformOf = ({ platform = DEFAULT_PLATFORM }: { readonly platform?: Platform | undefined }): Platform => platform;

const isPlatform = (text: string): text is Platform => PLATFORMS.some((platform) => platform === text);

/** Returns the id of an image's row for a platform. Of the default one, it is the image's name. */
export const imageKey = (image: string, platform: Platform): string => (platform === DEFAULT_PLATFORM ? image : `${image} ${platform}`);

/** Reverses {@link imageKey}. Names of images have no spaces. */
export function fromImageKey(key: string): { readonly image: string; readonly platform: Platform } {
  const [image = '', platform = DEFAULT_PLATFORM] = key.split(' ');
  return { image, platform: isPlatform(platform) ? platform : DEFAULT_PLATFORM };
}

/** Returns the suffix of tags in the registry. */
export const tagSuffix = (platform: Platform): string =>
  platform === DEFAULT_PLATFORM ? '' : `-${platform.slice(platform.indexOf('/') + 1)}`;
