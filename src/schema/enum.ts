import { registerEnumType } from 'type-graphql';

/**
 * Declares a GraphQL enum from one table of value and description.
 *
 * Values are spelled in GraphQL and in TypeScript alike, so the domain's string literal unions fit
 * without importing anything from here.
 */
export function describedEnum<const T extends Record<string, string>>(
  name: string,
  description: string,
  values: T,
): { readonly [K in keyof T]: K } {
  const names = Object.fromEntries(Object.keys(values).map((value) => [value, value]));
  const valuesConfig = Object.fromEntries(
    Object.entries(values).map(([value, text]) => [value, { description: text }]),
  );
  registerEnumType(names, { name, description, valuesConfig });
  return names as { readonly [K in keyof T]: K };
}
