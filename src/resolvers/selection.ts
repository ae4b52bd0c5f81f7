import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

type Place = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** By a field's nodes, which are the same for each execution of an operation that comes again. */
const known = new WeakMap<readonly FieldNode[], boolean>();

/** Whether one of these is selected of the field that is being resolved, under whatever condition; always of the same names for a field. */
export function selects(place: Place, names: ReadonlySet<string>): boolean {
  const before = known.get(place.fieldNodes);
  if (before !== undefined) return before;
  const found = place.fieldNodes.some(({ selectionSet }) => hasOne(selectionSet, names, place.fragments));
  known.set(place.fieldNodes, found);
  return found;
}

function hasOne(
  selectionSet: SelectionSetNode | undefined,
  names: ReadonlySet<string>,
  fragments: Place['fragments'],
): boolean {
  return (selectionSet?.selections ?? []).some((selection) => {
    if (selection.kind === Kind.FIELD) return names.has(selection.name.value);
    if (selection.kind === Kind.INLINE_FRAGMENT) return hasOne(selection.selectionSet, names, fragments);
    return hasOne(fragments[selection.name.value]?.selectionSet, names, fragments);
  });
}
