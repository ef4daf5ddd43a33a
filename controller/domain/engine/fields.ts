/** How a field is stored: as text, as an integer, as 0 or 1, or as JSON text. */
export type FieldKind = 'text' | 'integer' | 'flag' | 'json';

export interface Field<Value> {
  readonly kind: FieldKind;
  /** Never set; carries the type. */
  readonly value?: Value;
}

/**
 * The fields of a table's rows. The row's type, the table's columns and its statements derive from
 * them.
 */
export type Fields = Readonly<Record<string, Field<unknown>>>;

export type RowOf<Of extends Fields> = { readonly [Name in keyof Of]: Of[Name] extends Field<infer Value> ? Value : never };

export const text = <Value extends string | null = string>(): Field<Value> => ({ kind: 'text' });
export const integer = <Value extends number | null = number>(): Field<Value> => ({ kind: 'integer' });
export const flag = (): Field<boolean> => ({ kind: 'flag' });
export const json = <Value>(): Field<Value> => ({ kind: 'json' });
