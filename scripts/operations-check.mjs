// Holds docs/operations.graphql against the schema: every operation has a name of its own and a comment, is valid and within
// the limits of documents, its sample variables fit, and whatever asks for a permission at the root has a sample.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { main, prepare, root, Unprepared } from './prepare.mjs';

await prepare();
await import('reflect-metadata');
const { parse, specifiedRules, validate } = await import('graphql');
const { getVariableValues } = await import('graphql/execution/values.js');
const { buildSchema } = await import('../dist/src/schema/index.js');
const { DOCUMENT_LIMITS, documentLimits } = await import('../dist/src/permissions/document-limits.js');
const { credentialMutations, table } = await import('../dist/src/permissions/table.js');

const FILE = 'docs/operations.graphql';
const PERMISSION = /[a-z]+:[a-z]+/;
const schema = buildSchema();
const source = readFileSync(join(root, FILE), 'utf8');
const lines = source.split('\n');

await main(() => {
  const { definitions } = parse(source);
  const faults = [...definitions.flatMap(faultsOf), ...repeated(definitions), ...missing(definitions)];
  if (faults.length > 0)
    throw new Unprepared(`${FILE}:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
});
// Whatever the resolvers opened stays behind.
process.exit();

/** What is wrong with one operation, as somebody would meet it who pastes it alone. */
function faultsOf(operation) {
  const name = operation.name?.value;
  if (operation.kind !== 'OperationDefinition' || name === undefined)
    return [`line ${operation.loc.startToken.line}: only operations with names, please`];
  const rules = [...specifiedRules, documentLimits({ ...DOCUMENT_LIMITS, credentialMutations })];
  const errors = validate(schema, { kind: 'Document', definitions: [operation] }, rules);
  const told = errors.length > 0 ? errors.map(({ message }) => message) : aboutComment(operation);
  return told.map((message) => `${name}: ${message}`);
}

/** Above each operation: a sentence about it, then its variables as JSON where it has any. */
function aboutComment({ loc, variableDefinitions }) {
  const comment = commentAbove(loc.startToken.line);
  const [about, variables] = comment.split(/^Variables:/m);
  if (about.trim() === '') return ['has no comment that says what it does'];
  if (variableDefinitions.length === 0) return variables === undefined ? [] : ['takes no variables'];
  if (variables === undefined) return ['has no sample of its variables'];
  return aboutVariables(variableDefinitions, variables);
}

function aboutVariables(definitions, text) {
  let values;
  try {
    values = JSON.parse(text);
  } catch (error) {
    return [`its variables are no JSON: ${error.message}`];
  }
  const known = definitions.map(({ variable }) => variable.name.value);
  const unknown = Object.keys(values).filter((name) => !known.includes(name));
  const { errors = [] } = getVariableValues(schema, definitions, values);
  return [...unknown.map((name) => `has no variable ${name}`), ...errors.map(({ message }) => message)];
}

/** The lines of comment that end right above a line, without their marks. */
function commentAbove(line) {
  const above = [];
  for (let at = line - 2; lines[at]?.startsWith('#'); at--) above.unshift(lines[at].replace(/^# ?/, ''));
  return above.join('\n');
}

function repeated(definitions) {
  const names = definitions.map((operation) => operation.name?.value);
  const twice = names.filter((name, at) => names.indexOf(name) < at);
  return twice.map((name) => `${name}: there is another operation of this name`);
}

/** Fields of the root that some permission opens, and that no sample shows. */
function missing(definitions) {
  const shown = new Set(definitions.flatMap(({ selectionSet }) => selectionSet.selections.map(fieldName)));
  return ['Query', 'Mutation'].flatMap((type) =>
    Object.entries(table[type])
      .filter(([field, { rule }]) => PERMISSION.test(rule.name) && !shown.has(field))
      .map(([field]) => `${type}.${field} has no sample`),
  );
}

function fieldName(selection) {
  return selection.name.value;
}
