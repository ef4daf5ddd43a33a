/** Rules over the labels of nodes: where a session can run, and where it should. */
import { z } from 'zod';
import { fields, type Infer, whole, wording } from '../fields.ts';
import { labelKey, labelValue } from '../nodes.ts';

/** Per session, and again per space. */
export const MAX_LABEL_RULES = 16;
export const MAX_LABEL_RULE_VALUES = 16;
/** Bounded as a whole, because every state event contains the session's own. */
const MAX_RULES_LENGTH = 4096;

const OPERATORS = ['in', 'not_in', 'exists', 'not_exists'] as const;

const rule = {
  label: labelKey(),
  operator: z
    .enum(OPERATORS, { error: `must be one of ${OPERATORS.join(', ')}` })
    .describe(
      '`in`: the label has one of `values`; `not_in`: it has none of them, or the node lacks it; `exists`, `not_exists`: any value',
    ),
  values: z
    .array(labelValue(), { error: wording })
    .min(1, 'must have at least 1 value')
    .max(MAX_LABEL_RULE_VALUES, `must have at most ${MAX_LABEL_RULE_VALUES} values`)
    .exactOptional()
    .describe('For `in` and `not_in` only'),
};

const takesValues = ({ operator }: { operator: (typeof OPERATORS)[number] }) => operator === 'in' || operator === 'not_in';

/** `values` goes with the operators that compare, and with no other. */
const consistent = <Rule extends z.ZodType<{ operator: (typeof OPERATORS)[number]; values?: string[] }>>(schema: Rule) =>
  schema.refine((sent) => takesValues(sent) === (sent.values !== undefined), {
    path: ['values'],
    error: ({ input }) => (takesValues(input as { operator: 'in' }) ? 'is missing' : 'is only for the operators in and not_in'),
  });

const rules = <Rule extends z.ZodType>(each: Rule) =>
  z
    .array(each, { error: wording })
    .max(MAX_LABEL_RULES, `must have at most ${MAX_LABEL_RULES} rules`)
    .refine((sent) => JSON.stringify(sent).length <= MAX_RULES_LENGTH, `must have at most ${MAX_RULES_LENGTH} characters as JSON`);

const constraint = consistent(fields(rule));
export type Constraint = Infer<typeof constraint>;

export const DEFAULT_WEIGHT = 50;
const preference = consistent(
  fields({
    ...rule,
    weight: whole(1, 100)
      .exactOptional()
      .describe(`A node that breaks the preference counts as this many percent fuller. Default: ${DEFAULT_WEIGHT}`),
  }),
);
export type Preference = Infer<typeof preference>;

export const constraints = () => rules(constraint).describe('All must hold for the node. They apply when the session is placed');
export const preferences = () => rules(preference).describe('Nodes that meet them come first, as far as they have room');
