import { quoted } from './build-failure.ts';
import { FETCH_ENDS } from './fetch-script.ts';

export interface FailedFetch {
  readonly agent: string;
  readonly url: string;
  readonly ref: string;
  readonly directory: string;
  readonly hasCredential: boolean;
  readonly code: number;
  readonly exceeded?: 'memory' | 'disk' | undefined;
  /** Without secrets. */
  readonly lastLines: string;
}

const LIMITS = {
  memory: 'It needs more memory than builds have.',
  disk: 'It needs more disk space than builds have.',
} as const;

interface Cause {
  readonly sign: RegExp;
  readonly says: (failed: FailedFetch) => string;
}

const hostOf = (url: string): string => /^[a-z]+:\/\/(?:git@)?([^/:]+)/.exec(url)?.[1] ?? url;

/** The first that applies to git's output, from the particular to the general. */
const CAUSES: readonly Cause[] = [
  {
    sign: /could not resolve host/i,
    says: ({ url }) => `The name ${hostOf(url)} cannot be resolved. Check the repository's address.`,
  },
  {
    sign: /certificate|SSL|gnutls_handshake/,
    says: ({ url }) =>
      `The certificate of ${hostOf(url)} is not trusted. If its authority is private, ask an operator to set RAWORC_BUILD_CA_FILE on the nodes.`,
  },
  {
    sign: /REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed/,
    says: ({ url }) =>
      `The host key of ${hostOf(url)} is not the known one. If the host has a new key, change the known_hosts lines in the secret, or RAWORC_BUILD_KNOWN_HOSTS_FILE on the nodes.`,
  },
  {
    sign: /Host key verification failed|host key is known for/,
    says: ({ url }) =>
      `The host key of ${hostOf(url)} is unknown. Add its line of known_hosts (ssh-keyscan prints it) after the private key in the secret, or ask an operator to set RAWORC_BUILD_KNOWN_HOSTS_FILE on the nodes.`,
  },
  {
    sign: /Connection refused|timed out|Failed to connect|unreachable|No route to host|Could not connect|unable to connect/i,
    says: ({ url }) =>
      `${hostOf(url)} cannot be reached. Builds reach public addresses, and private ones that an operator lists in RAWORC_ALLOW_EGRESS.`,
  },
  {
    sign: /could not read (?:Username|Password)|Authentication failed|not found|returned error: 40[134]|Permission denied|access denied|does not appear to be a git repository|Could not read from remote repository/i,
    says: ({ hasCredential }) =>
      hasCredential
        ? 'The repository does not exist, or its token or key has no access to it. Check both.'
        : 'The repository does not exist or is private. Check its address; for a private one, name a secret with a token or deploy key: source_secret, or `raworc agent deploy --secret`.',
  },
  {
    sign: /fsck error|hasDot|treeNotSorted|duplicateEntries/,
    says: () => 'The repository contains objects that git considers malicious or broken.',
  },
  {
    sign: /Operation too slow|less than 1000 bytes/i,
    says: ({ url }) => `${hostOf(url)} sends too slowly. Try again later.`,
  },
];

/** Returns why a repository could not be fetched, with what to do next. */
export function fetchFailure(failed: FailedFetch): string {
  const { agent, url, code, exceeded, lastLines } = failed;
  const head = `The repository ${url} of the agent ${agent} could not be fetched:`;
  if (exceeded !== undefined) return `${head} ${LIMITS[exceeded]}`;
  const own = ownEnd(failed);
  if (own !== undefined) return `${head} ${own}`;
  const cause = CAUSES.find(({ sign }) => sign.test(lastLines));
  return `${head} ${cause?.says(failed) ?? `git failed with exit code ${code}.`}${quoted(lastLines)}`;
}

function ownEnd({ code, ref, directory, lastLines }: FailedFetch): string | undefined {
  const listed = lastLines.trim().split('\n').join(', ');
  switch (code) {
    case FETCH_ENDS.unknownRef:
      return `It has no branch, tag or commit ${ref}.${/The default branch is \S+\.$/.exec(lastLines.trim())?.[0].replace(/^/, ' ') ?? ''}`;
    case FETCH_ENDS.abbreviated:
      return `It has no branch or tag ${ref}. If that is a commit, give all of its digits.`;
    case FETCH_ENDS.noDirectory:
      return `It has no directory ${directory}.`;
    case FETCH_ENDS.submodules:
      return `It has submodules (${listed}), which builds do not fetch. Copy their files into the repository, or upload the directory.`;
    case FETCH_ENDS.lfs:
      return `It has files in Git LFS (${listed}), which builds do not fetch. Commit them without LFS, or upload the directory.`;
    default:
      return undefined;
  }
}

/** Returns a text without the secrets in it. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.filter((secret) => secret !== '').reduce((clean, secret) => clean.replaceAll(secret, '***'), text);
}
