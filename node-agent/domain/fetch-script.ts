/** Where the container of a fetch keeps the credential: in memory. */
const PRIVATE = '/session/git';

/** Exit codes of the script that say more than git's. */
export const FETCH_ENDS = { unknownRef: 64, noDirectory: 65, submodules: 66, lfs: 67, abbreviated: 68 } as const;

/** What git can complain about in old but harmless objects. */
const HARMLESS = ['zeroPaddedFilemode', 'missingSpaceBeforeDate', 'badTimezone', 'missingEmail', 'badDate'];

/** Names of the variables of a fetch. None is secret. */
export interface FetchVariables {
  readonly RAWORC_URL: string;
  readonly RAWORC_TRANSPORT: string;
  readonly RAWORC_REF: string;
  readonly RAWORC_DIRECTORY: string;
  readonly RAWORC_KNOWN_COMMIT: string;
}

export const fetchVariables = (source: {
  readonly url: string;
  readonly ref: string;
  readonly directory: string;
  readonly knownCommit: string;
}): FetchVariables => ({
  RAWORC_URL: source.url,
  RAWORC_TRANSPORT: source.url.slice(0, source.url.indexOf(':')),
  RAWORC_REF: source.ref,
  RAWORC_DIRECTORY: source.directory.replace(/\/$/, ''),
  RAWORC_KNOWN_COMMIT: source.knownCommit,
});

/** Returns the scope of git's credential helper: git gives the credential to no other host. */
export const credentialScope = (url: string): string => /^[a-z]+:\/\/[^/]+/.exec(url)?.[0] ?? url;

/**
 * The shell script of a fetch. It reads a tar with the credential from standard input, and writes a
 * line with the commit to standard output and then, unless that commit is known, a gzipped tar of
 * the directory. Nothing is checked out: no hook, filter or link of the repository has any effect.
 */
export const FETCH_SCRIPT = `set -eu
umask 077
mkdir -p ${PRIVATE} .tmp
tar -xf - -C ${PRIVATE}
exec 3>&1 1>&2 </dev/null
certificates="\${RAWORC_CERTIFICATES:-/etc/ssl/certs/ca-certificates.crt}"
if [ -f "$certificates" ]; then export GIT_SSL_CAINFO="$certificates"; fi
if [ -n "\${RAWORC_KNOWN_HOSTS:-}" ]; then cat "$RAWORC_KNOWN_HOSTS" >> ${PRIVATE}/known_hosts; fi
export HOME=${PRIVATE} TMPDIR="$PWD/.tmp" GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=${PRIVATE}/config
export GIT_LFS_SKIP_SMUDGE=1 LC_ALL=C
case "$RAWORC_TRANSPORT" in
  http|https) export GIT_ALLOW_PROTOCOL=http:https ;;
  *) export GIT_ALLOW_PROTOCOL="$RAWORC_TRANSPORT" ;;
esac
key=
if [ -f ${PRIVATE}/key ]; then key="-i ${PRIVATE}/key -o IdentitiesOnly=yes"; fi
export GIT_SSH_COMMAND="ssh -F /dev/null $key -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=${PRIVATE}/known_hosts \\
-o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=8 -o ServerAliveInterval=15 -o ServerAliveCountMax=4 -o ForwardAgent=no"
git init -q --bare --template= .tmp/repository
cd .tmp/repository
mkdir -p info
printf '* -export-ignore -export-subst -text -ident -filter -working-tree-encoding\\n' > info/attributes
refs=../refs
git ls-remote -- "$RAWORC_URL" "refs/heads/$RAWORC_REF" "refs/tags/$RAWORC_REF" "refs/tags/$RAWORC_REF^{}" "$RAWORC_REF" > $refs
commit_of() { awk -v ref="$1" '$2 == ref { print $1; exit }' $refs; }
wanted=
for name in "refs/heads/$RAWORC_REF" "refs/tags/$RAWORC_REF" "$RAWORC_REF"; do
  commit="$(commit_of "$name^{}")"
  if [ -z "$commit" ]; then commit="$(commit_of "$name")"; fi
  if [ -n "$commit" ]; then wanted="$name"; break; fi
done
if [ -z "$wanted" ]; then
  if printf '%s' "$RAWORC_REF" | grep -Eqx '[0-9a-f]{40}|[0-9a-f]{64}'; then commit="$RAWORC_REF"; wanted="$RAWORC_REF"
  elif printf '%s' "$RAWORC_REF" | grep -Eqx '[0-9a-f]{7,63}'; then exit ${FETCH_ENDS.abbreviated}
  else
    git ls-remote --symref -- "$RAWORC_URL" HEAD | sed -n 's#^ref: refs/heads/\\(.*\\)\\tHEAD$#The default branch is \\1.#p' >&2
    exit ${FETCH_ENDS.unknownRef}
  fi
fi
if [ "$commit" = "$RAWORC_KNOWN_COMMIT" ]; then echo "known $commit" >&3; exit 0; fi
if ! git fetch -q --depth=1 --no-tags --no-write-fetch-head -- "$RAWORC_URL" "+$wanted:refs/raworc/wanted" 2> ../fetch; then
  if ! grep -Eq 'shallow|not our ref|unadvertised object|does not allow request' ../fetch; then cat ../fetch; exit 1; fi
  git fetch -q --no-tags --no-write-fetch-head -- "$RAWORC_URL" '+refs/heads/*:refs/raworc/heads/*' '+refs/tags/*:refs/raworc/tags/*'
  if ! git cat-file -e "$commit^{commit}" 2> /dev/null; then exit ${FETCH_ENDS.unknownRef}; fi
  git update-ref refs/raworc/wanted "$commit"
fi
commit="$(git rev-parse --verify -q 'refs/raworc/wanted^{commit}')"
tree="$commit^{tree}"
if [ -n "$RAWORC_DIRECTORY" ]; then tree="$commit:$RAWORC_DIRECTORY"; fi
if [ "$(git cat-file -t "$tree" 2> /dev/null)" != tree ]; then exit ${FETCH_ENDS.noDirectory}; fi
tree="$(git rev-parse "$tree")"
git ls-tree -r "$tree" > ../tree
if awk '$1 == "160000"' ../tree | cut -f 2- > ../submodules && [ -s ../submodules ]; then head -n 5 ../submodules; exit ${FETCH_ENDS.submodules}; fi
if git grep -q 'filter=lfs' "$tree" -- '*.gitattributes'; then
  if git grep -l '^version https://git-lfs.github.com/spec/v1' "$tree" > ../lfs; then cut -d : -f 2- ../lfs | head -n 5; exit ${FETCH_ENDS.lfs}; fi
fi
git archive --format=tar --output=../source.tar "$tree"
echo "fetched $commit" >&3
exec gzip -1 < ../source.tar >&3
`;

/** Returns git's configuration in the container of a fetch. */
export function fetchConfig(url: string, hasPassword: boolean): string {
  const helper = `!f() { test \\"$1\\" = get && cat ${PRIVATE}/answer; }; f`;
  const credential = hasPassword ? `[credential "${credentialScope(url)}"]\n\thelper = "${helper}"\n` : '';
  const fsck = HARMLESS.map((problem) => `\t${problem} = ignore\n`).join('');
  return `[core]\n\thooksPath = /dev/null\n[transfer]\n\tfsckObjects = true\n[fetch "fsck"]\n${fsck}[http]\n\tlowSpeedLimit = 1000\n\tlowSpeedTime = 60
[protocol]\n\tversion = 2\n[gc]\n\tauto = 0\n[advice]\n\tdetachedHead = false\n[submodule]\n\trecurse = false\n${credential}`;
}
