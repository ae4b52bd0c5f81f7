import { readFileSync } from 'node:fs';
import {
  buildASTSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  parse,
  type GraphQLNamedType,
} from 'graphql';

/** What cannot be described: Federation gives its own types no description. */
const EXEMPT = /^(Query\._entities.*|Query\._service|_.*|(federation|link)__.*)$/;

test('everything that schema.graphql says is described, for those who read it in the Sandbox', () => {
  const sdl = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8');
  const schema = buildASTSchema(parse(sdl), { assumeValidSDL: true });
  const described = Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .flatMap(partsOf);
  expect(described.length).toBeGreaterThan(100);
  expect(described.filter(isMute).map(({ path }) => path)).toEqual([]);
});

interface Part {
  path: string;
  description?: string | null | undefined;
}

function isMute({ path, description }: Part): boolean {
  return !description?.trim() && !EXEMPT.test(path);
}

/** A type, its fields with their arguments, its enum values. */
function partsOf(type: GraphQLNamedType): Part[] {
  return [{ path: type.name, description: type.description }, ...enumValues(type), ...fields(type)];
}

function enumValues(type: GraphQLNamedType): Part[] {
  if (!isEnumType(type)) return [];
  return type.getValues().map(({ name, description }) => ({ path: `${type.name}.${name}`, description }));
}

function fields(type: GraphQLNamedType): Part[] {
  if (isInputObjectType(type)) {
    return Object.values(type.getFields()).map((field) => ({ ...field, path: `${type.name}.${field.name}` }));
  }
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  return Object.values(type.getFields()).flatMap((field) => {
    const path = `${type.name}.${field.name}`;
    return [{ ...field, path }, ...field.args.map((arg) => ({ ...arg, path: `${path}(${arg.name})` }))];
  });
}
