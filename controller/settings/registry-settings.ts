import { type Environment, secret } from './values.ts';

/** The registry through which images travel between nodes. */
export type RegistrySettings =
  | { readonly kind: 'off' }
  /** A child process of the controller, with its storage in the data directory. */
  | { readonly kind: 'own'; readonly program: string }
  /** The operator's. */
  | { readonly kind: 'url'; readonly url: URL; readonly user: string | undefined; readonly password: string | undefined };

/** Reads which registry to use. @throws on an invalid value. */
export function readRegistrySettings(env: Environment): RegistrySettings {
  const choice = env.RAWORC_REGISTRY || 'on';
  if (['off', '0', 'false'].includes(choice)) return { kind: 'off' };
  if (!['on', '1', 'true'].includes(choice)) throw new Error(`RAWORC_REGISTRY must be on or off, not "${choice}"`);
  const text = env.RAWORC_REGISTRY_URL || undefined;
  if (text === undefined) return { kind: 'own', program: env.RAWORC_REGISTRY_PROGRAM || 'docker-registry' };
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '')
    throw new Error(
      'RAWORC_REGISTRY_URL must be an http or https URL without a password; set RAWORC_REGISTRY_USER and RAWORC_REGISTRY_PASSWORD_FILE',
    );
  return { kind: 'url', url, user: env.RAWORC_REGISTRY_USER || undefined, password: secret(env, 'RAWORC_REGISTRY_PASSWORD') };
}
