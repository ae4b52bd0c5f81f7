// People at the door, in a process of their own. Told by one message what they do, they get ready, say so, and begin at the next message:
//   { kind: 'verify', url, seconds, rate, bodies }      asks at that rate, whether or not answers come; answers { waits, wrong }
//   { kind: 'sign-in', url, seconds, warmUp, bodies }   as many as bodies, each again and again; answers { done, refused, wrong, hung, seconds }
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const HUNG_MS = 60_000;
const agent = new Agent({ keepAlive: true, maxSockets: 512 });

process.once('message', async (job) => {
  // One's own start is not the server's slowness.
  if (job.kind === 'verify') await verify({ ...job, seconds: 1 });
  process.once('message', async () => {
    const answer = await (job.kind === 'verify' ? verify(job) : signIn(job));
    process.send(answer, () => process.exit(0));
  });
  process.send('ready');
});

function post(url, body) {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent,
      timeout: HUNG_MS,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    sent.once('error', reject).once('timeout', () => sent.destroy(new Error('hung')));
    sent.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => (text += part)).once('end', () => resolve(text));
    });
    sent.end(body);
  });
}

/** Waits count from the moment a question was due, so that one that could not be sent in time is not forgiven. */
async function verify({ url, seconds, rate, bodies }) {
  const waits = [];
  const asked = [];
  let wrong = 0;
  const startedAt = performance.now();
  const ask = async (due, body) => {
    const text = await post(url, body).catch(() => '');
    waits.push(performance.now() - due);
    if (!text.includes('"valid":true')) wrong++;
  };
  for (let at = 0; at < seconds * rate; at++) {
    const due = startedAt + (at * 1000) / rate;
    await sleep(Math.ceil(due - performance.now()));
    asked.push(ask(due, bodies[at % bodies.length]));
  }
  await Promise.all(asked);
  return { waits, wrong };
}

/** Everybody comes back as soon as they were let in, or when they were told to. What is let in during the warm-up does not count. */
async function signIn({ url, seconds, warmUp, bodies }) {
  const seen = { done: 0, refused: 0, wrong: 0, hung: 0, seconds: seconds - warmUp };
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  const live = async (body) => {
    while (elapsed() < seconds) {
      const text = await post(url, body).catch((error) => error.message);
      const { pause, ...what } = judge(text);
      const isCounted = what.kind !== 'done' || (elapsed() >= warmUp && elapsed() < seconds);
      if (isCounted) seen[what.kind]++;
      if (pause) await sleep(Math.min(pause, Math.max(0, seconds - elapsed())) * 1000);
    }
  };
  await Promise.all(bodies.map(live));
  return seen;
}

function judge(text) {
  if (text === 'hung') return { kind: 'hung' };
  if (text.includes('"accessToken"')) return { kind: 'done' };
  const told = /"code":"RATE_LIMITED"/.test(text) ? /"retryAfterSeconds":(\d+)/.exec(text) : undefined;
  return told ? { kind: 'refused', pause: Number(told[1]) } : { kind: 'wrong', pause: 1 };
}
