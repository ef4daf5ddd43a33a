import { operationOf } from '../controller/http/routing/operation-name.ts';
import type { Route } from '../controller/http/routing/route.ts';

const HEAD = `// This file is written by scripts/generate-sdk.ts from the routes.

import type { ByMetadata, CallOptions, Caller, Keyed, With, WithoutPage } from '../caller.ts';
import type * as api from './types.gen.ts';

const part = encodeURIComponent;
`;

/** Returns the source of the client's methods, grouped by resource, with types of the API. */
export function operationsSource(routes: readonly Route[]): string {
  const things = thingsIn(routes);
  const groups = new Map<string, string[]>();
  for (const route of routes) {
    // Event streams and WebSockets have hand-written methods.
    if (Object.values(route.answers).every((answer) => answer === 'event-stream' || answer === 'web-socket')) continue;
    const { group, method } = placeOf(route, operationOf(route, routes), things);
    groups.set(group, [...(groups.get(group) ?? []), ...methodsOf(route, operationOf(route, routes), method)]);
  }
  const names = [...groups.keys()];
  return `${HEAD}
${names.map((name) => `const ${name} = (caller: Caller) => ({\n${(groups.get(name) ?? []).join('\n')}\n});\n`).join('\n')}
/** Every operation of the API, grouped by resource. */
export class Operations {
${names.map((name) => `  readonly ${name}: ReturnType<typeof ${name}>;`).join('\n')}

  constructor(caller: Caller) {
${names.map((name) => `    this.${name} = ${name}(caller);`).join('\n')}
  }
}
`;
}

/** A parameter in a path, named after the segment before it: /sessions/{id} takes a session. */
const PARAMETER = /([\w-]+)\/\{\w+\}/g;
const nameOf = (collection: string) => singularOf(uncapitalized(pascal(collection)));
const singularOf = (plural: string) => plural.replace(/(?<=ss)es$|s$/, '');
const segmentsOf = (path: string) => path.split('/').filter((segment) => segment !== '');
const pascal = (text: string) => text.replace(/(^|-)([a-z])/g, (_all, _dash, letter: string) => letter.toUpperCase());
const uncapitalized = (text: string) => `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;

interface Thing {
  /** ServiceAccount */
  readonly singular: string;
  /** serviceAccounts */
  readonly group: string;
}

/** Returns the resources in the paths, the longest name first. */
function thingsIn(routes: readonly Route[]): readonly Thing[] {
  const found = new Map<string, Thing>();
  for (const { path } of routes) {
    const segments = segmentsOf(path);
    for (const [at, segment] of segments.entries()) {
      if (!segments[at + 1]?.startsWith('{')) continue;
      const singular = singularOf(pascal(segment));
      found.set(singular, { singular, group: `${uncapitalized(singular)}${singular.endsWith('s') ? 'es' : 's'}` });
    }
  }
  found.set('NodeToken', { singular: 'NodeToken', group: 'nodeTokens' });
  // No path names a single message, ticket or audit record, but they are resources too.
  found.set('Message', { singular: 'Message', group: 'messages' });
  found.set('Ticket', { singular: 'Ticket', group: 'tickets' });
  found.set('Audit', { singular: 'Audit', group: 'audit' });
  return [...found.values()].sort((a, b) => b.singular.length - a.singular.length);
}

/**
 * createSession becomes sessions.create, updateAgentStatus agents.updateStatus. Operations without
 * a resource belong to the server.
 */
function placeOf({ path, permission }: Route, operation: string, things: readonly Thing[]): { group: string; method: string } {
  for (const { singular, group } of things) {
    const [, before, after] = new RegExp(`^([a-z].*?)${singular}(?:e?s)?(?![a-z])(.*)$`).exec(operation) ?? [];
    if (before !== undefined && after !== undefined) return { group, method: `${before}${after}` };
  }
  const [first = ''] = segmentsOf(path);
  if (first === 'auth') return { group: 'auth', method: operation };
  if (permission !== 'public') throw new Error(`${operation} belongs to no group: its name contains no resource of a path`);
  return { group: 'server', method: uncapitalized(operation.replace(/^get/, '')) };
}

function methodsOf(route: Route, operation: string, method: string): readonly string[] {
  const { path, paged } = route;
  const type = pascal(operation);
  const given = [...path.matchAll(PARAMETER)].map(([, collection = '']) => `${nameOf(collection)}: string`);
  const { request, raw } = route;
  if (raw !== undefined || request !== undefined) {
    const isOptional = raw === undefined && request?.safeParse({}).success === true;
    given.push(`body${isOptional ? '?' : ''}: api.${type}Data['body']`);
  }
  const target = `'${route.method}', path: \`${path.replace(PARAMETER, (_all, collection: string) => `${collection}/\${part(${nameOf(collection)})}`)}\``;
  const more = [
    ...(raw === undefined && request === undefined ? [] : ['body']),
    ...(raw === undefined ? [] : [`mediaType: '${raw}'`]),
    ...(route.creates === true ? ['isKeyed: true'] : []),
  ];
  const what = `{ ${[`method: ${target}`, ...more].join(', ')} }`;
  const answer = `api.${type}Response`;
  const one = `${doc(route)}
  ${method}: (${[...given, `options?: ${optionsOf(route, type, 'With')}`].join(', ')}): Promise<${answer}> => caller.call(${what}, options),`;
  if (!paged) return [one];
  const all = `  /** Yields every item, page by page. Items created meanwhile can be missing. */
  all${method.replace(/^list/, '')}: (${[...given, `options?: ${optionsOf(route, type, 'WithoutPage')}`].join(', ')}): AsyncGenerator<${answer}[number], void> => caller.all(${what}, options),`;
  return [one, all];
}

function optionsOf(route: Route, type: string, wrapper: 'With' | 'WithoutPage'): string {
  const base = route.creates === true ? 'Keyed' : 'CallOptions';
  const takesQuery = route.paged || route.query !== undefined;
  if (!takesQuery) return base;
  const sent = `api.${type}Data['query']`;
  const query = route.patternQuery === undefined ? sent : `ByMetadata<${sent}>`;
  return `${wrapper}<${query}${base === 'Keyed' ? ', Keyed' : ''}>`;
}

function doc({ summary, description, permission }: Route): string {
  const lines = [summary, ...(description === undefined ? [] : ['', description]), '', `Permission: ${permission}.`];
  return `  /**\n${lines.map((line) => `   * ${line}`.trimEnd()).join('\n')}\n   */`;
}
