/** Names and descriptions with what a terminal would act on: refused where they are given, whoever prints them later. */
import t from 'tap';
import { createApiKey } from '../../../../controller/contract/access/api-keys.ts';
import { createBinding } from '../../../../controller/contract/access/role-bindings.ts';
import { createRole } from '../../../../controller/contract/access/roles.ts';
import { changeAgent, createAgent } from '../../../../controller/contract/agents.ts';
import { changeSecret, createSecret } from '../../../../controller/contract/secrets.ts';
import { createSession, remixSession, updateSession } from '../../../../controller/contract/sessions.ts';
import { changeSpace, createSpace } from '../../../../controller/contract/spaces.ts';
import type { NodeFrame } from '../../../../proto/frame.ts';
import { beyondBounds, guestBeyondBounds } from '../../../../proto/frame-bounds.ts';
import { ATTACKS, HONEST, IN_NAMES } from '../../cli/terminal-attacks.ts';

const names: Readonly<Record<string, (name: string) => { success: boolean }>> = {
  'a session': (name) => createSession.safeParse({ name }),
  'a session’s new name': (name) => updateSession.safeParse({ name }),
  'a copy': (name) => remixSession.safeParse({ name }),
  'a key': (name) => createApiKey.safeParse({ name }),
  'a principal': (principal) => createBinding.safeParse({ role_name: 'viewer', principal, principal_type: 'User' }),
  'a name in a rule': (name) =>
    createRole.safeParse({ name: 'a', rules: [{ resources: ['sessions'], verbs: ['get'], resource_names: [name] }] }),
};
const texts: Readonly<Record<string, (text: string) => { success: boolean }>> = {
  'a space': (description) => createSpace.safeParse({ name: 'a', description }),
  'a space’s new one': (description) => changeSpace.safeParse({ description }),
  'a secret': (description) => createSecret.safeParse({ key_name: 'A', value: 'x', description }),
  'a secret’s new one': (description) => changeSecret.safeParse({ description }),
  'a role': (description) => createRole.safeParse({ name: 'a', rules: [], description }),
  'an agent’s description': (description) => createAgent.safeParse({ name: 'a', description }),
  'an agent’s purpose': (purpose) => changeAgent.safeParse({ purpose }),
};

t.test('a name or description that would act on a terminal is refused', async (t) => {
  for (const [what, attack] of Object.entries({ ...ATTACKS, ...IN_NAMES }))
    for (const [of, parse] of Object.entries(names)) t.notOk(parse(attack).success, `the name of ${of}: ${what}`);
  for (const [what, attack] of Object.entries(ATTACKS))
    for (const [of, parse] of Object.entries(texts)) t.notOk(parse(attack).success, `the description of ${of}: ${what}`);
});

t.test('half of a surrogate pair is refused: it would be kept as another character', async (t) => {
  for (const half of ['\ud800', 'a\udfffb', '\ude00\ud83d'])
    for (const [of, parse] of Object.entries({ ...names, ...texts })) t.notOk(parse(half).success, `of ${of}: ${JSON.stringify(half)}`);
  for (const [of, parse] of Object.entries({ ...names, ...texts })) t.ok(parse('\ud83d\ude00').success, of);
});

t.test('honest ones are taken, in every script', async (t) => {
  for (const parse of Object.values(texts)) for (const text of HONEST) t.ok(parse(text).success, text);
  for (const parse of Object.values(names)) for (const name of ['Grüße', '你好', 'שלום', 'नमस्ते', 'a b']) t.ok(parse(name).success, name);
});

t.test('the value of a secret and a message are their owner’s, whatever is in them', async (t) => {
  t.ok(createSecret.safeParse({ key_name: 'A', value: '\u001b[31m' }).success);
});

const hello = (agentVersion: string, hostname: string): NodeFrame =>
  ({ kind: 'hello', value: { agentVersion, clusterId: 'c', driver: 'docker', hostname } }) as NodeFrame;

t.test('what a node or a guest calls itself and its things ends its stream', async (t) => {
  t.equal(beyondBounds(hello('1.2.3', 'node-1.example')), undefined);
  for (const [what, attack] of Object.entries({ ...ATTACKS, ...IN_NAMES })) {
    t.match(beyondBounds(hello(attack, 'node-1')), /agent_version contains control characters/, what);
    t.match(beyondBounds(hello('1', attack)), /hostname contains control characters/, what);
    t.match(
      guestBeyondBounds({ kind: 'workers', value: { sessionId: 's', workers: [{ agent: attack }] } } as never),
      /agent contains/,
      what,
    );
  }
});
