import { z } from 'zod';
import { aliased, givenName, type Infer, time, uuid } from '../fields.ts';
import { parameter } from '../parameters.ts';

const reference = () => givenName(255).min(1, 'must not be empty');
const PRINCIPAL_TYPES = ['ServiceAccount', 'User'] as const;

export const createBinding = aliased(
  { role_ref: 'role_name', subject: 'principal' },
  {
    role_name: reference().describe('Name or id of a role'),
    principal: reference().describe('User name of the account'),
    principal_type: z.enum(PRINCIPAL_TYPES, { error: 'must be ServiceAccount or User' }).exactOptional(),
    space: reference().exactOptional().describe('Space in which the role applies. If absent, it applies in every space'),
  },
);
export type CreateBinding = Infer<typeof createBinding>;

export const bindingFilter = z.object({
  space: parameter('Returns only bindings in this space. The permission is then checked in that space'),
});
export type BindingFilter = Infer<typeof bindingFilter>;

export const bindingObject = z
  .strictObject({
    id: uuid(),
    role_name: z.string(),
    role_ref: z.string().describe('Same as `role_name`'),
    principal: z.string(),
    subject: z.string().describe('Same as `principal`'),
    principal_type: z.enum(PRINCIPAL_TYPES),
    space: z.string().nullable().describe('Null means every space'),
    created_at: time(),
    updated_at: time(),
  })
  .meta({ id: 'RoleBinding' });
export type BindingObject = Infer<typeof bindingObject>;
