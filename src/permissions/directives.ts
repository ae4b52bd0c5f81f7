import {
  parse,
  print,
  visit,
  type ConstDirectiveNode,
  type FieldDefinitionNode,
  type ObjectTypeDefinitionNode,
  type ScalarTypeDefinitionNode,
} from 'graphql';
import { table } from './table.js';

/**
 * The SDL for gateways that enforce directives: what a row of the table says of a root field, they may refuse
 * before they plan. A rule that no directive can say whole carries none. Nor do the fields below: `signIn` answers them to
 * whom the gateway does not know yet. The service enforces all of it in any case.
 *
 * @param sdl as `_service` answers it
 */
export function withDirectives(sdl: string): string {
  const linked = sdl.replace('"@inaccessible"]', '"@inaccessible", "@authenticated", "@requiresScopes"]');
  return print(visit(parse(linked), { ObjectTypeDefinition: guardFields }));
}

const ROOTS = new Set(['Query', 'Mutation']);

function guardFields(type: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode | undefined {
  const { value: name } = type.name;
  if (!ROOTS.has(name)) return undefined;
  return { ...type, fields: (type.fields ?? []).map((field) => guardField(name, field)) };
}

function guardField(typeName: string, field: FieldDefinitionNode): FieldDefinitionNode {
  const directive = table[typeName]?.[field.name.value]?.rule.directive;
  if (directive === undefined) return field;
  return { ...field, directives: [...(field.directives ?? []), ...parseDirectives(directive)] };
}

/** The parser reads documents only: a directive has to stand on something. */
function parseDirectives(text: string): readonly ConstDirectiveNode[] {
  const [scalar] = parse(`scalar Bearer ${text}`).definitions;
  return (scalar as ScalarTypeDefinitionNode).directives ?? [];
}
