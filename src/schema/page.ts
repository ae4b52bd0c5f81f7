import { ArgsType, Directive, Field, Int, ObjectType, type ClassType } from 'type-graphql';

/** How many items a page holds when nobody says. */
export const DEFAULT_PAGE_SIZE = 20;

/** The arguments of a list that only pages forward. */
@ArgsType()
export class ForwardPageArgs {
  @Field(() => Int, {
    nullable: true,
    defaultValue: DEFAULT_PAGE_SIZE,
    description: 'How many items to return, counted from the start of the list or from `after`; at most 100.',
  })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'Return only items after this cursor.' })
  after?: string | null;
}

/** The arguments of a list that pages both ways. */
@ArgsType()
export class PageArgs extends ForwardPageArgs {
  @Field(() => Int, {
    nullable: true,
    description:
      'How many items to return, counted from the end of the list or back from `before`; at most 100.',
  })
  last?: number | null;

  @Field(() => String, { nullable: true, description: 'Return only items before this cursor.' })
  before?: string | null;
}

/** Where a page stands in its list. @see https://relay.dev/graphql/connections.htm */
@ObjectType({
  simpleResolvers: true,
  description: 'Where a page stands in its list, after the Relay cursor specification.',
})
@Directive('@shareable')
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether there are items after this page.' })
  hasNextPage: boolean;

  @Field(() => Boolean, { description: 'Whether there are items before this page.' })
  hasPreviousPage: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the first item; null on an empty page.' })
  startCursor?: string | null;

  @Field(() => String, { nullable: true, description: 'Cursor of the last item; null on an empty page.' })
  endCursor?: string | null;
}

/** One item of a page and its place in the list. */
export interface Edge<T> {
  cursor: string;
  node: T;
}

/** One page; `totalCount` may be a function, which graphql-js calls only when the field is selected. */
export interface Connection<T> {
  edges: readonly Edge<T>[];
  nodes: readonly T[];
  pageInfo: PageInfo;
  totalCount: number | (() => number | Promise<number>);
}

/**
 * Makes the GraphQL types `${name}Connection` and `${name}Edge`.
 *
 * @param node the item's class, in a function because files of the schema import one another
 * @param items what a reader calls the items, in the plural
 */
export function connectionOf<T extends object>(
  node: () => ClassType<T>,
  name: string,
  items: string,
): ClassType<Connection<T>> {
  const edge = edgeOf(node, name, items);

  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: `One page of ${items}.` })
  class ConnectionType implements Connection<T> {
    @Field(() => [edge], { description: 'The items with their cursors.' })
    edges: readonly Edge<T>[];

    @Field(() => [node()], { description: 'The items alone, for readers who need no cursors.' })
    nodes: readonly T[];

    @Field(() => PageInfo, { description: 'Where this page stands in the list.' })
    pageInfo: PageInfo;

    @Field(() => Int, {
      description: 'How many items the whole list holds under the same filter; counted only when asked for.',
    })
    totalCount: number | (() => number | Promise<number>);
  }
  return ConnectionType;
}

function edgeOf<T extends object>(node: () => ClassType<T>, name: string, items: string): ClassType<Edge<T>> {
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: `One place in a list of ${items}.` })
  class EdgeType implements Edge<T> {
    @Field(() => String, { description: 'This place, for `after` and `before`; opaque.' })
    cursor: string;

    @Field(() => node(), { description: 'The item at this place.' })
    node: T;
  }
  return EdgeType;
}
