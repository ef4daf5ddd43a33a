/** The stored form of a field: text, integer, 0 or 1, or JSON text. */
export type FieldKind = 'text' | 'integer' | 'flag' | 'json';

export interface Field<Value> {
  readonly kind: FieldKind;
  /** Never set; carries the type. */
  readonly value?: Value;
}

/**
 * A table's fields, in the order of its columns. The row type, columns and statements derive from
 * them.
 */
export type Fields = Readonly<Record<string, Field<unknown>>>;

export type RowOf<Of extends Fields> = { readonly [Name in keyof Of]: Of[Name] extends Field<infer Value> ? Value : never };

export const text = <Value extends string | null = string>(): Field<Value> => ({ kind: 'text' });
export const integer = <Value extends number | null = number>(): Field<Value> => ({ kind: 'integer' });
export const flag = (): Field<boolean> => ({ kind: 'flag' });
export const json = <Value>(): Field<Value> => ({ kind: 'json' });
