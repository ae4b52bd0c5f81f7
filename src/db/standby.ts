/** In PostgreSQL's words "transaction resolution unknown": whoever lost the primary now would have lost this as well. */
class CommittedAlone extends Error {
  readonly code = '08007';
}

/** How many commits of a connection no standby has, for all that is known. */
const alone = new WeakMap<object, number>();
const commitsAlone = (connection: object): number => alone.get(connection) ?? 0;

/** PostgreSQL gave up waiting for its standby when this connection committed. */
export function noteAlone(connection: object): void {
  alone.set(connection, commitsAlone(connection) + 1);
}

/**
 * Before a commit on this connection. @returns what is called after it, and throws {@link CommittedAlone} where no standby has it;
 * another commit since, on the same connection, may be told the same, and none is told less
 */
export function expectStandby(connection: object): () => void {
  const before = commitsAlone(connection);
  return () => {
    if (commitsAlone(connection) > before) throw new CommittedAlone('No standby has confirmed the commit.');
  };
}
