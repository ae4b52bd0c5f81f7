// People who use the service all the while, each as an honest client: one call after another, and again until it is answered.
import { randomBytes } from 'node:crypto';
import { call, insist, isOpen } from './client.mjs';
import { owner } from './service.mjs';
import { below, oneOf, sleep } from './processes.mjs';

const CAST = randomBytes(3).toString('hex');
let count = 0;

/** What a sound sign-up sends. */
export function newcomer() {
  const username = `ana${++count}x${CAST}`;
  return {
    username,
    email: `${username}@example.test`,
    password: `seven-green-Bottles-${count}`,
    ...{ firstName: 'Ana', lastName: 'Li', country: 'PT', birthDate: '1990-01-31' },
  };
}

/** Acts of people; whatever is acknowledged goes into the ledger. `url` is where clients call. */
export function openPeople({ url, ledger, isOver = () => false }) {
  const seen = (answer) => ledger.seen(answer);
  const ask = (operation, variables, bearer) =>
    insist(() => call(url, operation, variables, bearer), seen, isOver);

  const enter = (person, { accessToken: access, refreshToken: refresh, session, user }) => {
    const entered = { ...person, id: user.id, sessionId: session.id, access, refresh };
    ledger.honest.set(session.id, entered);
    return entered;
  };

  async function signIn(person) {
    const answer = await ask('SignIn', { input: { login: person.username, password: person.password } });
    if (answer.data) ledger.acknowledge('sign-in');
    else if (!isOpen(answer)) ledger.broken.push(`${person.username} cannot sign in: ${answer.code}`);
    return answer.data && enter(person, answer.data);
  }

  /** Whoever is told on the second try that the account exists has made it on the first. */
  async function signUp(input = newcomer()) {
    let wasLost = false;
    const answer = await insist(
      () => call(url, 'SignUp', { input }),
      (one) => (seen(one), (wasLost ||= isOpen(one))),
      isOver,
    );
    if (isOpen(answer)) return undefined;
    const isTaken = answer.code === 'CONFLICT' && wasLost;
    if (!answer.data && !isTaken) {
      ledger.broken.push(`${input.username} cannot sign up: ${answer.code} ${answer.message}`);
      return undefined;
    }
    const person = answer.data ? enter(input, answer.data) : await signIn(input);
    if (!person) return undefined;
    ledger.acknowledge('sign-up');
    ledger.accounts.set(person.id, { ...input, id: person.id, roles: undefined, password: input.password });
    return person;
  }

  /** Spends the refresh token, at times from two tabs at once, which must be told the same. */
  async function refresh(person, tabs = 1) {
    const token = person.refresh;
    const answers = await Promise.all(Array.from({ length: tabs }, () => ask('Refresh', { token })));
    const good = answers.filter(({ data }) => data);
    for (const { code } of answers.filter((answer) => !answer.data && !isOpen(answer)))
      ledger.honestRevoked.push(`${person.username} was refused a refresh: ${code}`);
    if (good.length === 0) return false;
    if (new Set(good.map(({ data }) => data.refreshToken)).size > 1)
      ledger.broken.push(`${person.username} was given two successors`);
    person.access = good[0].data.accessToken;
    person.refresh = good[0].data.refreshToken;
    ledger.acknowledge('refresh');
    return true;
  }

  /** Ends the session by one of its tokens; both are refused from then on. */
  async function revoke(person) {
    // Whoever may have ended it is not counted on either way.
    ledger.honest.delete(person.sessionId);
    const answer = await ask('Revoke', { token: oneOf([person.access, person.refresh]) });
    if (answer.data === true) ledger.revoke(person.sessionId, person.access);
  }

  /** By the owner: what the last acknowledged word was must be so, unless a later one was not answered. */
  async function setRoles(admin, account, roles, roleIds) {
    account.isRoleOpen = true;
    const answer = await ask(
      'SetRoles',
      { id: account.id, roles: roles.map((name) => roleIds[name]) },
      admin.access,
    );
    if (!answer.data) return answer;
    Object.assign(account, { roles, isRoleOpen: false });
    ledger.acknowledge('role change');
    return answer;
  }

  /** @returns whether it is known which password holds now */
  async function changePassword(person) {
    const account = ledger.accounts.get(person.id);
    const next = `eight-blue-Kettles-${++count}`;
    account.next = next;
    // The other sessions of the account end; this person has none.
    let wasLost = false;
    const answer = await insist(
      () => call(url, 'ChangePassword', { old: person.password, new: next }, person.access),
      (one) => (seen(one), (wasLost ||= isOpen(one))),
      isOver,
    );
    if (isOpen(answer)) return false;
    // Told that the old one is wrong, one has not been told yet that the new one lasts: a sign-in with it says so.
    if (wasLost && answer.code === 'INVALID_CREDENTIALS') {
      const proof = await ask('SignIn', { input: { login: person.username, password: next } });
      if (!proof.data) return false;
    } else if (!answer.data) {
      if (ledger.isTimeWrong && answer.code === 'UNAUTHENTICATED') return false;
      ledger.broken.push(`${person.username} cannot change the password: ${answer.code}`);
      return false;
    }
    person.password = account.password = next;
    account.next = undefined;
    ledger.acknowledge('password change');
    return true;
  }

  async function ownerOf() {
    const person = await signIn({ ...owner });
    const { data } = await ask('Roles', {}, person.access);
    return { ...person, roleIds: Object.fromEntries(data.nodes.map(({ id, name }) => [name, id])) };
  }
  return { url, ask, signIn, signUp, refresh, revoke, setRoles, changePassword, ownerOf };
}

/**
 * Lets people live until told to stop.
 * @param replicas asked directly whether tokens are good, whoever is up
 */
export async function startLoad({ url, ledger, replicas, citizens = 4, verifiers = 2, pauseMs = 30 }) {
  let isStopped = false;
  const isOver = () => isStopped;
  const people = openPeople({ url, ledger, isOver });
  const admin = await people.ownerOf();
  const rest = (ms = pauseMs) => sleep(ms * (0.5 + Math.random()));

  const citizen = async () => {
    while (!isStopped) {
      const person = await people.signUp();
      for (let left = 4 + below(12); person && left > 0 && !isStopped; left--) {
        if (!(await people.refresh(person, below(4) === 0 ? 2 : 1))) break;
        await rest();
      }
      if (person && below(3) > 0) await people.revoke(person);
    }
  };
  const registrar = async () => {
    while (!isStopped) {
      const account = oneOf([...ledger.accounts.values()]);
      if (account) await people.setRoles(admin, account, oneOf([[], ['STAFF']]), admin.roleIds);
      await rest(200);
    }
  };
  const cautious = async () => {
    let person;
    while (!isStopped) {
      person ??= await people.signUp();
      if (person) await people.changePassword(person);
      await rest(500);
    }
  };
  const verifier = async () => {
    while (!isStopped) {
      const replica = oneOf(replicas.filter((one) => one.isRunning()));
      if (replica) await askAbout(ledger, replica);
      await rest(20);
    }
  };
  const actors = [registrar(), cautious(), ...Array.from({ length: citizens }, citizen)];
  const all = [...actors, ...Array.from({ length: verifiers }, verifier)];
  return {
    people,
    admin,
    async stop() {
      isStopped = true;
      await Promise.all(all);
    },
  };
}

const TIMES = new Set(['EXPIRED', 'NOT_YET_VALID', 'MALFORMED']);

/** Asks one replica about a token that was ended, or about one that is good. */
export async function askAbout(ledger, replica) {
  // Mostly of those that were ended just now.
  const ended = ledger.revoked.at(
    below(2) ? -1 - below(Math.min(5, ledger.revoked.length)) : below(ledger.revoked.length),
  );
  const living = [...ledger.honest.values()];
  const isAboutEnded = ended && below(2) > 0;
  const entry = isAboutEnded ? ended : oneOf(living);
  if (!entry) return;
  const token = isAboutEnded ? ended.token : entry.access;
  const askedAt = performance.now();
  const answer = await call(replica.url, 'Verify', { token });
  if (!answer.data) return;
  if (isAboutEnded && answer.data.valid) ledger.believed(ended, askedAt, replica.name);
  const isStillHonest = ledger.honest.get(entry.sessionId) === entry;
  // Whose clock is ahead takes what is good for over; that ends with the fault, and nobody is signed out by it.
  const isAboutTime = ledger.isTimeWrong && TIMES.has(answer.data.reason);
  if (!isAboutEnded && !answer.data.valid && isStillHonest && !isAboutTime)
    ledger.honestRevoked.push(`${replica.name} refused ${entry.username}: ${answer.data.reason}`);
}
