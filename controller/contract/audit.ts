import { z } from 'zod';
import { type Infer, time } from './fields.ts';
import { parameter, timeParameter } from './parameters.ts';

export const auditFilter = z.object({
  actor: parameter('Returns only what this account or node did: a name or an id'),
  action: parameter('Returns only this operation, named by its operationId: createSession, deleteRole, …'),
  resource: parameter('Returns only resources of this kind (sessions), or one resource (sessions/ID, secrets/NAME)'),
  space: parameter('Returns only what happened in the space with this name'),
  since: timeParameter('Returns only records from this time on'),
  until: timeParameter('Returns only records up to this time'),
});
export type AuditFilter = Infer<typeof auditFilter>;

const nullable = () => z.string().nullable();

export const auditObject = z
  .strictObject({
    id: z.string(),
    created_at: time(),
    actor: nullable().describe('Name of the account or node that acted'),
    actor_id: nullable(),
    actor_type: z.enum(['ServiceAccount', 'Node', 'Operator', 'Anonymous']),
    credential: nullable().describe('token:ID, key:ID, certificate:SERIAL, join-token:ID, password, or machine'),
    action: z.string(),
    resource: z.string().describe('Kind of the resource'),
    resource_id: nullable(),
    resource_name: nullable(),
    space: nullable(),
    address: nullable(),
    request_id: nullable(),
    outcome: z.enum(['ok', 'refused']),
    code: nullable().describe('Error code of a refusal'),
    count: z.int().min(1).describe('Greater than 1 where several refusals share one record'),
  })
  .meta({ id: 'AuditRecord' });
export type AuditObject = Infer<typeof auditObject>;
