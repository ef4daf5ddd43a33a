import type { RepositoryCredential__Output } from '../../../proto/generated/raworc/node/v0/RepositoryCredential.ts';
import type { RepositorySource__Output } from '../../../proto/generated/raworc/node/v0/RepositorySource.ts';
import { type Credential, readCredential, remoteOf } from '../../domain/agents/remote.ts';
import type { BuildRow, UnfetchedAgent } from '../../domain/builds/rows.ts';
import type { SpaceId } from '../../domain/engine/ids.ts';
import { accepted, type Outcome, refused } from '../../domain/engine/outcome.ts';
import type { View } from '../../domain/engine/view.ts';

export interface CredentialSource {
  /** Returns the value of a secret, or undefined if the space has none of that name. Throws if it cannot be opened. */
  one(spaceId: SpaceId, key: string): string | undefined;
}

/**
 * Returns what a node needs to fetch the repositories of a build, with their credentials: for the
 * node only. A refusal is a sentence for the build's owner.
 */
export function repositorySources(view: View, secrets: CredentialSource, build: BuildRow): Outcome<readonly RepositorySource__Output[]> {
  const sources: RepositorySource__Output[] = [];
  for (const agent of build.unfetched) {
    const source = repositorySource(view, secrets, build.spaceId, agent);
    if (!source.ok) return refused('UNPROCESSABLE_ENTITY', `The agent ${agent.name} ${source.refusal.message}.`);
    sources.push(source.value);
  }
  return accepted(sources);
}

function repositorySource(
  view: View,
  secrets: CredentialSource,
  spaceId: SpaceId,
  { id, name, repo, branch, directory = '', secret }: UnfetchedAgent,
): Outcome<RepositorySource__Output> {
  const credential = secret === undefined ? accepted(undefined) : credentialIn(secrets, spaceId, secret);
  if (!credential.ok) return credential;
  const remote = remoteOf(repo, credential.value?.kind);
  if (!remote.ok) return remote;
  const row = view.get('agents', id);
  const isSame = row?.sourceRepo === repo && row.sourceDirectory === (directory === '' ? null : directory);
  return accepted({
    agent: name,
    url: remote.value.url,
    ref: branch,
    directory,
    knownCommit: isSame ? (row.sourceCommit ?? '') : '',
    credential: credential.value === undefined ? null : encoded(credential.value),
  });
}

function credentialIn(secrets: CredentialSource, spaceId: SpaceId, secret: string): Outcome<Credential> {
  const value = secrets.one(spaceId, secret);
  if (value === undefined)
    return refused('NOT_FOUND', `needs the secret ${secret} for its repository, and the space has none of that name`);
  const read = readCredential(value);
  return read.ok ? read : refused('UNPROCESSABLE_ENTITY', `cannot use the secret ${secret}: it ${read.refusal.message}`);
}

const encoded = (credential: Credential): RepositoryCredential__Output =>
  credential.kind === 'key'
    ? { username: '', password: '', privateKey: credential.privateKey, knownHosts: credential.knownHosts }
    : { username: credential.username, password: credential.password, privateKey: '', knownHosts: '' };
