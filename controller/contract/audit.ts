import { z } from 'zod';
import type { AuditFilter, AuditObject } from '../services/audit/audit-service.ts';
import { time } from './objects.ts';
import { parameter, timeParameter } from './parameters.ts';

export const auditFilter = z.object({
  actor: parameter('Only what this account or node did: a name or an id'),
  action: parameter('Only this operation, as the document names it: createSession, deleteRole, …'),
  resource: parameter('Only things of this kind (sessions), or one of them (sessions/ID, secrets/NAME)'),
  space: parameter('Only what happened in the space of this name'),
  since: timeParameter('Not before this time'),
  until: timeParameter('Not after this time'),
}) satisfies z.ZodType<AuditFilter>;

const nullable = () => z.string().nullable();

export const auditObject = z
  .strictObject({
    id: z.string(),
    created_at: time(),
    actor: nullable().describe('The name of who acted'),
    actor_id: nullable(),
    actor_type: z.enum(['ServiceAccount', 'Node', 'Operator', 'Anonymous']),
    credential: nullable().describe('token:ID, key:ID, certificate:SERIAL, join-token:ID, password, or machine'),
    action: z.string(),
    resource: z.string().describe('The kind of thing'),
    resource_id: nullable(),
    resource_name: nullable(),
    space: nullable(),
    address: nullable(),
    request_id: nullable(),
    outcome: z.enum(['ok', 'refused']),
    code: nullable().describe('Of a refusal'),
    count: z.int().min(1).describe('More than 1 where refusals were counted together'),
  })
  .meta({ id: 'AuditRecord' }) satisfies z.ZodType<Omit<AuditObject, 'code'> & { code: string | null }>;
