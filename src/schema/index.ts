import { buildSubgraphSchema } from '@apollo/subgraph';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { parse, type GraphQLSchema } from 'graphql';
import { buildSchemaSync, createResolversMap } from 'type-graphql';
import { withDirectives } from '../permissions/directives.js';
import { guard } from '../permissions/guard.js';
import { AlertsResolver } from '../resolvers/alerts.js';
import { AuditResolver } from '../resolvers/audit.js';
import { AuthResolver } from '../resolvers/auth.js';
import { BusinessRolesResolver } from '../resolvers/business-roles.js';
import { EmailChangeResolver } from '../resolvers/email-change.js';
import { MeResolver } from '../resolvers/me.js';
import { MfaResolver } from '../resolvers/mfa.js';
import { PasskeysResolver } from '../resolvers/passkeys.js';
import { RecoveryResolver } from '../resolvers/recovery.js';
import { references } from '../resolvers/references.js';
import { ReportsResolver } from '../resolvers/reports.js';
import { RolesResolver } from '../resolvers/roles.js';
import { ServiceAccessResolver } from '../resolvers/service-access.js';
import { ServiceTokensResolver } from '../resolvers/service-tokens.js';
import { ServicesResolver } from '../resolvers/services.js';
import { leanQueries, TokensResolver } from '../resolvers/tokens.js';
import { UsersResolver } from '../resolvers/users.js';
import { Service } from './service.js';

/** Highest version of the specification that every composer takes. */
const FEDERATION = `extend schema
  @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable", "@tag", "@inaccessible"])
`;

const ROOTS = {
  Query: 'What may be asked: accounts, roles, services, the record, and whether a token may be trusted.',
  Mutation:
    'What may be done: entering and leaving, looking after one’s own account, recovery, administration.',
};

function codeFirst(): GraphQLSchema {
  const schema = assemble();
  // The library writes these two itself, and has no words for them.
  for (const [name, description] of Object.entries(ROOTS)) {
    const type = schema.getType(name);
    if (type) type.description = description;
  }
  return schema;
}

function assemble(): GraphQLSchema {
  return buildSchemaSync({
    resolvers: [
      AuthResolver,
      MeResolver,
      MfaResolver,
      PasskeysResolver,
      RecoveryResolver,
      EmailChangeResolver,
      UsersResolver,
      RolesResolver,
      ServicesResolver,
      BusinessRolesResolver,
      ServiceAccessResolver,
      ServiceTokensResolver,
      TokensResolver,
      ReportsResolver,
      AlertsResolver,
      AuditResolver,
    ],
    orphanedTypes: [Service],
    validate: false,
    // Who may have a field stands in src/permissions/table.ts; a decorator that says so besides lets nobody in.
    authChecker: () => false,
    // Directives of the federation are defined by @link, not by us.
    skipCheck: true,
  });
}

/** The subgraph's SDL, as `_service` answers it and schema.graphql holds it. */
export function printSubgraph(schema: GraphQLSchema = codeFirst()): string {
  return `${FEDERATION}\n${printSchemaWithDirectives(schema).replace(/^schema \{[^}]*\}\s*/, '')}\n`;
}

/** The same for gateways that enforce directives, as schema.router.graphql holds it. */
export function printForRouters(): string {
  return withDirectives(printSubgraph());
}

/** The executable subgraph with the guard around every field that is not for everybody. */
export function buildSchema(): GraphQLSchema {
  const schema = codeFirst();
  const resolvers = createResolversMap(schema) as Record<string, Record<string, unknown>>;
  // type-graphql makes a promise of every argument; these need none.
  resolvers['Query'] = { ...resolvers['Query'], ...leanQueries };
  for (const [type, resolve] of Object.entries(references))
    resolvers[type] = { ...resolvers[type], __resolveReference: resolve };
  const subgraph = buildSubgraphSchema([
    { typeDefs: parse(printSubgraph(schema)), resolvers: resolvers as never },
  ]);
  return guard(subgraph);
}
