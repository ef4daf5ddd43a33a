/** What clients ask while rights change, and what each answer should be at one moment. */
import { holdsSomething, may, mayOwn, ownCounts } from '../unit/controller/access/rbac-naive.ts';
import type { Random, Space } from '../unit/controller/access/rbac-rows.ts';
import type { Asked } from '../unit/controller/access/rbac-world.ts';
import type { Credential, ModelSession, RightsModel, Standing } from '../unit/controller/access/rights-model.ts';
import type { Method } from '../unit/controller/access/rights-steps.ts';

/** What everybody holds, and which sessions there are. */
export interface Moment {
  readonly standings: ReadonlyMap<Credential, Standing>;
  readonly sessions: ReadonlyMap<string, ModelSession>;
}

export const momentOf = (model: RightsModel): Moment => ({
  standings: new Map(model.credentials.map((one) => [one, model.standing(one)])),
  sessions: new Map(model.sessions.map((session) => [session.id, { ...session }])),
});

export interface Judged {
  readonly expected: string;
  readonly isRight: boolean;
  readonly isRefusal: boolean;
}

export interface Question {
  readonly name: string;
  readonly method: Method;
  readonly path: string;
  readonly body?: unknown;
  judge(moment: Moment, credential: Credential, answer: Asked): Judged;
  /** Of a stream: whether it may stay open, having been opened in one of those moments. */
  mayGoOn?(moment: Moment, credential: Credential, opened: readonly Moment[]): boolean;
}

export interface Asking {
  readonly credential: Credential;
  readonly question: Question;
  readonly answer: Asked;
}

type Verdict = 'pass' | 401 | 403 | 404;

function judged(verdict: Verdict, { status, body }: Asked): Judged {
  const isRefused = [401, 403].includes(status) || (status === 404 && !/no such (agent|secret|build)/i.test(JSON.stringify(body)));
  return { expected: String(verdict), isRight: verdict === 'pass' ? !isRefused : status === verdict, isRefusal: verdict !== 'pass' };
}

/** Each call makes one question about something that is there, or was. */
export function questionsOn(model: RightsModel, { pick }: Random): readonly (() => Question)[] {
  const about = (verb: string, method: Method, rest: string, body?: unknown) => () => {
    const { id } = pick([...model.everySession.values()].slice(-20));
    return ofSession(model, id, verb, method, rest, body);
  };
  const within =
    (resource: string, verbs: readonly string[], path: string, names: readonly string[] = []) =>
    () => {
      const space = pick(model.spaces);
      return ofSpace(space, resource, verbs, `/spaces/${space.name}${path}`, names);
    };
  return [
    about('get', 'GET', ''),
    about('get', 'GET', '/messages'),
    about('get', 'GET', '/messages/count'),
    about('update', 'POST', '/messages', { content: 'hello', role: 'system' }),
    about('update', 'POST', '/messages?wait=200ms', { content: 'hello', wake: false }),
    about('update', 'PUT', '', { metadata: { a: 1 } }),
    within('secrets', ['get', 'read-values'], '/secrets/TOKEN?show_values=true', ['TOKEN']),
    within('secrets', ['list'], '/secrets'),
    within('agents', ['list'], '/agents'),
    within('agents', ['get'], '/agents/helper', ['helper']),
    within('builds', ['get'], '/build/00000000-0000-4000-8000-000000000000'),
    () => ({
      ...{ name: 'GET /auth/me', method: 'GET', path: '/auth/me' },
      judge: ({ standings }, credential, answer) => judged(standings.get(credential) === undefined ? 401 : 'pass', answer),
    }),
    () => sessionList(),
  ];
}

/** One question that opens a stream. */
questionsOn.streams = (model: RightsModel, { chance }: Random, pick: <T>(from: readonly T[]) => T): Question => {
  if (chance(0.4)) return everything(model);
  if (chance(0.3)) {
    const space = pick(model.spaces);
    const question = ofSpace(space, 'agents', ['logs'], `/spaces/${space.name}/agents/helper/logs?follow=true`, ['helper']);
    return { ...question, mayGoOn: (moment, credential) => question.judge(moment, credential, OK).isRight };
  }
  const { id } = pick(model.sessions);
  const question = ofSession(model, id, 'get', 'GET', '/events');
  return { ...question, mayGoOn: (moment, credential) => question.judge(moment, credential, OK).isRight };
};

const OK: Asked = { status: 200, body: '' };

function ofSession(model: RightsModel, id: string, verb: string, method: Method, rest: string, body?: unknown): Question {
  return {
    ...{ name: `${method} /sessions/${id}${rest}`, method, path: `/sessions/${id}${rest}`, body },
    judge({ standings, sessions }, credential, answer) {
      const [standing, session] = [standings.get(credential), sessions.get(id)];
      if (standing === undefined) return judged(401, answer);
      if (session === undefined) return judged(404, answer);
      if (model.canSee(standing, session, verb)) return judged('pass', answer);
      return judged(model.canSee(standing, session) ? 403 : 404, answer);
    },
  };
}

function ofSpace(space: Space, resource: string, verbs: readonly string[], path: string, names: readonly string[]): Question {
  return {
    ...{ name: `GET ${path}`, method: 'GET', path },
    judge({ standings }, credential, answer) {
      const standing = standings.get(credential);
      if (standing === undefined) return judged(401, answer);
      if (!holdsSomething(standing.naive, space.id)) return judged(404, answer);
      return judged(verbs.every((verb) => may(standing.naive, resource, verb, space.id, names)) ? 'pass' : 403, answer);
    },
  };
}

function everything(model: RightsModel): Question {
  const sightIn = (credential: Credential, { standings }: Moment) => model.sight(standings.get(credential));
  return {
    ...{ name: 'GET /events', method: 'GET', path: '/events' },
    judge: ({ standings }, credential, answer) => judged(standings.get(credential) === undefined ? 401 : 'pass', answer),
    mayGoOn(moment, credential, opened) {
      if (moment.standings.get(credential) === undefined) return false;
      // What it could see when it was opened, in whichever of the states that was.
      return opened.some((one) => sightIn(credential, one) === sightIn(credential, moment));
    },
  };
}

/** Nothing that is hidden, and all that is shown. */
function sessionList(): Question {
  const path = '/sessions?limit=1000';
  return {
    ...{ name: `GET ${path}`, method: 'GET', path },
    judge({ standings, sessions }, credential, answer) {
      const standing = standings.get(credential);
      if (standing === undefined) return judged(401, answer);
      const { naive, accountId } = standing;
      const visible = [...sessions.values()].filter(
        ({ space, owner }) =>
          (owner === accountId && ownCounts(naive, space.id) && mayOwn(naive, 'sessions', 'list', [])) ||
          may(naive, 'sessions', 'list', space.id),
      );
      const expected = visible.map(({ id }) => id).sort();
      const shown = answer.status === 200 ? (answer.body as readonly { id: string }[]).map(({ id }) => id).sort() : undefined;
      const isRight = shown?.join() === expected.join();
      return { expected: `the sessions ${expected}`, isRight, isRefusal: false };
    },
  };
}
