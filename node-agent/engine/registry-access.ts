/** How the engine reaches the registry of images. */
export interface RegistryAccess {
  /** `address:port`, the first part of image names. */
  readonly host: string;
  readonly login: { readonly username: string; readonly password: string };
}
