import type { Rule } from '../../contract/access/roles.ts';
import type { RoleRow } from './rows.ts';

/** A holder of these rules in every space is allowed everything. */
export const ADMIN_ROLE_ID = '6f1c7a52-0000-4000-8000-000000000001';

const rule = (resources: readonly string[], verbs: readonly string[]): Rule => ({ api_groups: ['*'], resources, verbs });

/** Their ids are the same in every cluster. */
export const BUILT_IN_ROLES: readonly Omit<RoleRow, 'builtIn' | 'createdAt'>[] = [
  { id: ADMIN_ROLE_ID, name: 'admin', description: 'Everything', rules: [rule(['*'], ['*'])] },
  {
    id: '6f1c7a52-0000-4000-8000-000000000002',
    name: 'operator',
    description: 'Runs the cluster; sees no secret values',
    rules: [
      rule(['sessions', 'agents', 'builds'], ['*']),
      rule(['secrets'], ['list', 'get', 'create', 'update', 'delete']),
      rule(['nodes'], ['list', 'get', 'update']),
      rule(['spaces'], ['list', 'get']),
    ],
  },
  {
    id: '6f1c7a52-0000-4000-8000-000000000003',
    name: 'developer',
    description: 'Builds agents and works in sessions',
    rules: [rule(['sessions', 'agents', 'builds'], ['*']), rule(['secrets'], ['list', 'get'])],
  },
  {
    id: '6f1c7a52-0000-4000-8000-000000000004',
    name: 'viewer',
    description: 'Sees everything except values',
    rules: [rule(['*'], ['list', 'get'])],
  },
];
