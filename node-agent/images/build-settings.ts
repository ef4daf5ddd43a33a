import { accessSync, constants } from 'node:fs';
import { isAbsolute } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** How builds reach package registries. Only the operator sets it. */
export interface BuildSettings {
  /** Variables of each program that a build runs. */
  readonly environment: Readonly<Record<string, string>>;
  /** A file of PEM certificates: all that builds trust. Undefined: what the base image trusts. */
  readonly certificates: string | undefined;
  /** A file of SSH host keys, in the form of known_hosts, that fetches of repositories trust. */
  readonly knownHosts?: string | undefined;
  /** Whether builds follow the Dockerfiles of agents. */
  readonly dockerfiles?: boolean;
  /** Names of images besides the stock one that agents can begin with; `*` at the end matches any rest. */
  readonly baseImages?: readonly string[];
}

/**
 * Reads RAWORC_BUILD_CA_FILE, RAWORC_BUILD_KNOWN_HOSTS_FILE, RAWORC_BUILD_HTTP_PROXY, RAWORC_BUILD_HTTPS_PROXY,
 * RAWORC_BUILD_NO_PROXY and the mirrors RAWORC_BUILD_PYPI_URL, RAWORC_BUILD_NPM_URL,
 * RAWORC_BUILD_APT_URL, RAWORC_BUILD_CRATES_URL and RAWORC_BUILD_GO_URL, and the images of agents:
 * RAWORC_BUILD_DOCKERFILES and RAWORC_BUILD_BASE_IMAGES. @throws on an invalid value.
 */
export function readBuildSettings(env: Environment): BuildSettings {
  const url = (name: string) => {
    const text = env[name] || undefined;
    if (text !== undefined && !(/^https?:/.test(text) && URL.canParse(text)))
      throw new Error(`${name} must be a URL such as https://mirror.example.com/, not "${text}"`);
    return text;
  };
  const httpProxy = url('RAWORC_BUILD_HTTP_PROXY');
  const httpsProxy = url('RAWORC_BUILD_HTTPS_PROXY');
  const noProxy = env.RAWORC_BUILD_NO_PROXY || undefined;
  const pypi = url('RAWORC_BUILD_PYPI_URL');
  const npm = url('RAWORC_BUILD_NPM_URL');
  const apt = url('RAWORC_BUILD_APT_URL');
  const go = url('RAWORC_BUILD_GO_URL');
  const crates = cratesUrl(env);
  const variables = {
    ...{ HTTP_PROXY: httpProxy, http_proxy: httpProxy, HTTPS_PROXY: httpsProxy, https_proxy: httpsProxy },
    ...{ NO_PROXY: noProxy, no_proxy: noProxy },
    // pip leaves out an index without TLS unless its host is trusted.
    ...{ PIP_TRUSTED_HOST: pypi?.startsWith('http:') ? new URL(pypi).host : undefined },
    ...{ PIP_INDEX_URL: pypi, UV_DEFAULT_INDEX: pypi, npm_config_registry: npm },
    ...{ RAWORC_APT_URL: apt, RAWORC_CRATES_URL: crates, GOPROXY: go },
  };
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) if (value !== undefined) environment[name] = value;
  return {
    environment,
    certificates: readableFile(env, 'RAWORC_BUILD_CA_FILE'),
    knownHosts: readableFile(env, 'RAWORC_BUILD_KNOWN_HOSTS_FILE'),
    dockerfiles: isOn(env, 'RAWORC_BUILD_DOCKERFILES'),
    baseImages: namesOfImages(env),
  };
}

function isOn(env: Environment, name: string): boolean {
  const text = env[name] || 'false';
  if (!['true', 'false', '1', '0'].includes(text)) throw new Error(`${name} must be true or false, not "${text}"`);
  return text === 'true' || text === '1';
}

function namesOfImages(env: Environment): readonly string[] {
  const names = (env.RAWORC_BUILD_BASE_IMAGES ?? '').split(',').map((name) => name.trim());
  const wrong = names.find((name) => name !== '' && !/^[\w.:@/-]+\*?$/.test(name));
  if (wrong !== undefined)
    throw new Error(
      `RAWORC_BUILD_BASE_IMAGES must be names of images such as debian:12-slim or registry.example.com/team/*, not "${wrong}"`,
    );
  return names.filter((name) => name !== '');
}

/** Cargo's own form: a Git index, or one over HTTP that begins with `sparse+`. */
function cratesUrl(env: Environment): string | undefined {
  const text = env.RAWORC_BUILD_CRATES_URL || undefined;
  if (text !== undefined && !(/^(sparse\+)?https?:[^"\\\s]*$/.test(text) && URL.canParse(text.replace('sparse+', ''))))
    throw new Error(`RAWORC_BUILD_CRATES_URL must be a URL such as sparse+https://mirror.example.com/index/, not "${text}"`);
  return text;
}

function readableFile(env: Environment, name: string): string | undefined {
  const path = env[name] || undefined;
  if (path === undefined) return undefined;
  if (!isAbsolute(path)) throw new Error(`${name} must be the absolute path of a file, not "${path}"`);
  try {
    accessSync(path, constants.R_OK);
  } catch {
    throw new Error(`${name} names ${path}, which cannot be read`);
  }
  return path;
}
