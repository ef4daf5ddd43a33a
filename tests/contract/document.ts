import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { z } from 'zod';

/** The part of JSON Schema that the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

export interface Operation {
  /** "GET /sessions/{id}". */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly pathParameters: readonly string[];
  readonly query: readonly { readonly name: string; readonly schema: Schema }[];
  /** Takes an Idempotency-Key. */
  readonly creates: boolean;
  readonly body: { readonly mediaType: string; readonly schema: Schema; readonly example: unknown } | undefined;
  readonly isPublic: boolean;
  readonly answers: ReadonlyMap<number, DocumentedAnswer>;
}

export interface DocumentedAnswer {
  /** Undefined: no body. */
  readonly mediaType: string | undefined;
  /** Further ones, whose bodies are not judged. */
  readonly otherTypes: readonly string[];
  /** That it always has. */
  readonly headers: readonly string[];
  /** Undefined where it fits; else what is wrong. */
  fault(body: unknown): string | undefined;
}

const schema = z.custom<Schema>((value) => typeof value === 'object' && value !== null);
const content = z.record(z.string(), z.object({ schema, example: z.unknown().optional() }));
const header = z.object({ required: z.boolean().default(false) });
const response = z.object({ content: content.optional(), headers: z.record(z.string(), header).default({}) });
const documentShape = z.looseObject({
  openapi: z.literal('3.1.1'),
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        parameters: z.array(z.object({ in: z.string(), name: z.string(), schema })).default([]),
        requestBody: z.object({ content }).optional(),
        security: z.array(z.unknown()).optional(),
        responses: z.record(z.string(), z.union([z.object({ $ref: z.string() }), response])),
      }),
    ),
  ),
  components: z.object({ responses: z.record(z.string(), response) }),
});

/** Returns every operation of the server's document. Throws if it does not describe this API. */
export async function readDocument(url: string): Promise<readonly Operation[]> {
  const sent: unknown = await (await fetch(`${url}/api/v0/openapi.json`)).json();
  const { paths, components } = documentShape.parse(sent);
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true });
  addFormats.default(ajv);
  ajv.addSchema(Object.assign({}, sent, { $id: 'document' }));

  const answerAt = (pointer: string, { content, headers }: z.infer<typeof response>): DocumentedAnswer => {
    const [mediaType, ...otherTypes] = Object.keys(content ?? {});
    const validate =
      mediaType === 'application/json'
        ? ajv.compile({ $ref: `document#${pointer}/content/${mediaType.replaceAll('/', '~1')}/schema` })
        : undefined;
    const always = Object.entries(headers).flatMap(([name, { required }]) => (required ? [name] : []));
    return { mediaType, otherTypes, headers: always, fault: (body) => faultOf(ajv, validate, body) };
  };

  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters, requestBody, security, responses }]): Operation => {
      const [media] = Object.entries(requestBody?.content ?? {});
      const answers = Object.entries(responses).map(([status, answer]) => {
        const here = `/paths/${path.replaceAll('~', '~0').replaceAll('/', '~1')}/${method}/responses/${status}`;
        const reference = '$ref' in answer ? answer.$ref.replace('#', '') : here;
        const found = '$ref' in answer ? components.responses[answer.$ref.split('/').at(-1) ?? ''] : answer;
        if (found === undefined) throw new Error(`${path}: the document has no ${reference}`);
        return [Number(status), answerAt(reference, found)] as const;
      });
      return {
        name: `${method.toUpperCase()} ${path}`,
        method: method.toUpperCase(),
        path,
        pathParameters: [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name),
        query: parameters.filter(({ in: place }) => place === 'query'),
        creates: parameters.some(({ name }) => name === 'Idempotency-Key'),
        body: media === undefined ? undefined : { mediaType: media[0], schema: media[1].schema, example: media[1].example },
        isPublic: security?.length === 0,
        answers: new Map(answers),
      };
    }),
  );
}

function faultOf(ajv: Ajv2020, validate: ValidateFunction | undefined, body: unknown): string | undefined {
  if (validate === undefined || validate(body)) return undefined;
  return ajv.errorsText(validate.errors);
}
