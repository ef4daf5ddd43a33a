import t from 'tap';
import { type FailedFetch, fetchFailure, withoutSecrets } from '../../../../node-agent/domain/fetch-failure.ts';
import { credentialScope, FETCH_ENDS, fetchConfig } from '../../../../node-agent/domain/fetch-script.ts';

const failed = (lastLines: string, more: Partial<FailedFetch> = {}): string =>
  fetchFailure({
    ...{ agent: 'a', url: 'https://git.example.com/a/b', ref: 'main', directory: '', hasCredential: false, code: 128, lastLines },
    ...more,
  });

t.test('what git says becomes a cause and what to do next', async (t) => {
  const ssh = 'fatal: Could not read from remote repository.';
  const table: [lastLines: string, says: RegExp, more?: Partial<FailedFetch>][] = [
    ['fatal: unable to access: Could not resolve host: git.example.com', /name git\.example\.com cannot be resolved/],
    ['ssh: Could not resolve hostname x: Name or service not known', /cannot be resolved/],
    ['server certificate verification failed. CAfile: none', /not trusted.*RAWORC_BUILD_CA_FILE/],
    ['SSL certificate problem: self-signed certificate', /not trusted/],
    [`Host key verification failed.\n${ssh}`, /host key of git\.example\.com is unknown.*known_hosts.*RAWORC_BUILD_KNOWN_HOSTS_FILE/],
    [`@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n${ssh}`, /not the known one/],
    [`ssh: connect to host x port 22: Connection refused\n${ssh}`, /cannot be reached.*RAWORC_ALLOW_EGRESS/],
    ['fatal: unable to access: Failed to connect to x port 443 after 15 ms', /cannot be reached/],
    ["fatal: could not read Username for 'https://x': terminal prompts disabled", /does not exist or is private.*source_secret/],
    ["fatal: Authentication failed for 'https://x'", /token or key has no access/, { hasCredential: true }],
    [`git@x: Permission denied (publickey).\n${ssh}`, /token or key has no access/, { hasCredential: true }],
    ["fatal: repository 'https://x' not found", /does not exist or is private/],
    ['error: object 12: hasDotgit: contains .git\nfatal: fsck error in packed object', /malicious or broken/],
    ['something new', /exit code 128\. Its last lines:\nsomething new/],
    ['', /more disk space/, { exceeded: 'disk' }],
    ['The default branch is trunk.\n', /no branch, tag or commit main\. The default branch is trunk\.$/, { code: FETCH_ENDS.unknownRef }],
    ['', /no branch, tag or commit main\.$/, { code: FETCH_ENDS.unknownRef }],
    ['a\nb\n', /submodules \(a, b\)/, { code: FETCH_ENDS.submodules }],
  ];
  for (const [lastLines, says, more] of table) t.match(failed(lastLines, more), says, lastLines);
});

t.test('secrets are left out of what is shown, and reach one host only', async (t) => {
  t.equal(withoutSecrets('a TOKEN b TOKEN', ['TOKEN', '']), 'a *** b ***');
  t.equal(credentialScope('https://git.example.com:8443/a/b'), 'https://git.example.com:8443');
  t.match(fetchConfig('https://git.example.com/a/b', true), /\[credential "https:\/\/git\.example\.com"\]/);
  t.notMatch(fetchConfig('https://git.example.com/a/b', false), /credential/);
});
