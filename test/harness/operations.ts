import { getNamedType, isLeafType, type GraphQLObjectType } from 'graphql';
import { buildSchema } from '../../src/schema/index.js';

const mutations = (buildSchema().getType('Mutation') as GraphQLObjectType).getFields();

/** The text of a call of one mutation with the arguments that `variables` has, by the schema. */
export function operationOf(mutation: string, variables: Record<string, unknown>): string {
  const { args, type } = mutations[mutation]!;
  const used = args.filter(({ name }) => name in variables);
  const declared = used.map(({ name, type: own }) => `$${name}: ${String(own)}`).join(', ');
  const given = used.map(({ name }) => `${name}: $${name}`).join(', ');
  const call = `${mutation}${given && `(${given})`}${isLeafType(getNamedType(type)) ? '' : ' { __typename }'}`;
  return `mutation${declared && ` (${declared})`} { ${call} }`;
}
