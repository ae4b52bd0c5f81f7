import { badInput } from '../errors.js';
import { answerForeign, type ForeignAnswer, type ForeignQuestion } from '../domain/foreign-tokens.js';
import type { Issuers } from '../domain/issuers.js';
import type { Asker } from '../domain/verdict.js';
import type { Meters } from '../domain/meters.js';
import type { Watch } from '../domain/watch.js';

/** Answers as `verifyToken` does, of the tokens of trusted issuers. */
export type Verify = (asker: Asker, question: ForeignQuestion) => Promise<ForeignAnswer>;

const MOST_REQUIRED = 100;

/** @throws {AuthError} BAD_USER_INPUT; UNAUTHENTICATED for somebody else's token, unless a service or the gateway asks */
export function openVerification(issuers: Issuers, watch: Watch, meters: Meters): Verify {
  const deps = { catalogue: undefined, witness: watch };
  return async (asker, question) => {
    if ((question.requires?.length ?? 0) > MOST_REQUIRED)
      throw badInput([{ name: 'requires', message: `Must have at most ${MOST_REQUIRED} permissions.` }]);
    const found = (await issuers.verify(question.token)) ?? { rejection: issuers.judgeForm(question.token) };
    const answer = answerForeign(deps, asker, question, found);
    meters.verified(answer.reason ?? 'VALID');
    if (answer.subject)
      watch.accepted({ token: question.token, subject: answer.subject.id, client: asker.client });
    return answer;
  };
}
