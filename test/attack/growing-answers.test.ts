import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApp, type TestApp } from '../harness/app.js';
import { codeOf } from '../harness/calls.js';
import { enter, join, joinAs, ownerOf, type Person } from '../harness/people.js';
import { serviceOf, servicesDesk } from '../harness/services.js';
import { statementsOf } from '../harness/statements.js';

let app: TestApp;
let owner: Person;
let staff: Person;
beforeAll(async () => {
  app = await startApp({ LIMITS_SCALE: '100' });
  owner = await ownerOf(app);
  staff = await joinAs(app, owner, 'STAFF');
  const desk = servicesDesk(app, owner);
  const services = [await serviceOf(desk), await serviceOf(desk)];
  await desk.setUserServices(
    staff.id,
    services.map((serviceId) => ({ serviceId })),
  );
});
afterAll(async () => {
  await app.close();
});
const asking = (query: string, variables = {}) => app.graphql(query, variables, { bearer: staff.access });

describe('a small question has no endless answer', () => {
  it.each([
    [
      'my services, who else uses each, their services, and who uses those',
      '{ me { services { service { accounts(first: 40) { nodes { services { service { accounts(first: 40) { nodes { id } } } } } } } } } }',
    ],
    [
      'the same in a fragment, in edges and by pages of a usual size',
      `{ services { edges { node { ...s } } } }
       fragment s on Service { accounts { edges { node { services { service { accounts { nodes { id } } } } } } } }`,
    ],
    [
      'a hundred tokens, the services of each, and who uses those',
      'query ($r: [TokenVerificationRequest!]!) { verifyTokens(requests: $r) { user { services { service { accounts(first: 50) { nodes { id } } } } } } }',
    ],
  ])('of lists and pages by turns: %s', async (_name, query) => {
    const variables = query.includes('$r') ? { r: [{ token: staff.access }] } : {};
    const answer = await asking(query, variables);
    expect(codeOf(answer)).toBe('GRAPHQL_VALIDATION_FAILED');
    expect(answer.errors[0]?.message).toContain('Ask for smaller pages');
    expect(answer.data).toEqual({});
  });

  it.each([
    [
      'a full page of accounts with what they are',
      '{ users(first: 100) { nodes { id roles { name } services { role { name } service { name } status valid } } } }',
    ],
    [
      'a page of services with a page of their accounts, and what those are elsewhere',
      '{ services(first: 20) { nodes { name accounts(first: 20) { nodes { username services { service { name } } } } } } }',
    ],
    [
      'my services and some who use them',
      '{ me { services { service { name accounts(first: 10) { totalCount nodes { username } } } } } }',
    ],
  ])('but a screenful is answered: %s', async (_name, query) => {
    expect(codeOf(await asking(query))).toBeUndefined();
  });
});

describe('sessions are read together', () => {
  const reads = (statements: string[]) =>
    statements.filter((text) => /sessions (as )?s\b|from "sessions"/.test(text) && text.includes('limit'));

  it('those of a page of accounts in one query, each account’s own page by itself', async () => {
    const ana = await join(app);
    const second = await enter(app, ana);
    let answer = await asking('{ me { id } }');
    const statements = await statementsOf(async () => {
      answer = await asking(
        '{ users(first: 100) { nodes { id sessions(first: 1) { totalCount nodes { id } pageInfo { hasNextPage endCursor } } } } }',
      );
    });
    expect(answer.errors).toEqual([]);
    const found = (answer.data['users'].nodes as { id: string; sessions: object }[]).find(
      ({ id }) => id === ana.id,
    );
    expect(found?.sessions).toMatchObject({
      totalCount: 2,
      nodes: [{ id: second.sessionId }],
      pageInfo: { hasNextPage: true },
    });
    expect(reads(statements)).toHaveLength(1);
  });

  it('and a thousand references to one account do not keep the database from everybody else', async () => {
    const ana = await join(app);
    const representations = Array.from({ length: 1000 }, () => ({ __typename: 'User', id: ana.id }));
    let answer = await asking('{ me { id } }');
    const statements = await statementsOf(async () => {
      answer = await app.graphql(
        'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { sessions { nodes { id } } } } }',
        { r: representations },
        { bearer: ana.access },
      );
    });
    expect(answer.errors).toEqual([]);
    expect(answer.data['_entities']).toHaveLength(1000);
    expect(answer.data['_entities'][999]).toEqual({ sessions: { nodes: [{ id: ana.sessionId }] } });
    expect(reads(statements)).toHaveLength(1);
  });
});
