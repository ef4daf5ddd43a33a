/** What the operator sets for builds, for the calls of models that a session's guest makes. */
import type { BuildSettings } from '../../images/build-settings.ts';

export type ModelCalls = BuildSettings;

/** The operator's certificates in the container. Guests trust them beside the public ones. */
export const MODEL_CERTIFICATES = '/run/raworc-certificates.pem';
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;

/** Variables of the guest. Agents do not get them: their environment is made anew. */
export function modelCallVariables({ certificates, environment }: ModelCalls): string[] {
  const proxies = PROXIES.flatMap((name) => (environment[name] === undefined ? [] : [`${name}=${environment[name]}`]));
  return [
    ...(certificates === undefined ? [] : [`NODE_EXTRA_CA_CERTS=${MODEL_CERTIFICATES}`]),
    ...(proxies.length === 0 ? [] : ['NODE_USE_ENV_PROXY=1', ...proxies]),
  ];
}
