// One load run in a process of its own, so that the generator's work is not the server's. Told what to do by one message:
// { url, method, seconds, connections, requests: [{ headers, body }], expectText, spent }; answers { answered, wrong, seconds, p99 }.
// With `spent` each request sends in place of {{spent}} what an earlier answer held after the text `after`, at first one of `first`.
import autocannon from 'autocannon';

process.once(
  'message',
  async ({ url, method = 'POST', seconds, connections, requests, expectText, spent }) => {
    const result = await autocannon({
      url,
      connections,
      duration: seconds,
      method,
      requests: requests.map((request) => ({ ...typed(request), ...(spent && chained(request, spent)) })),
      verifyBody: (text) => text.includes(expectText),
    });
    const wrong = result.non2xx + result.mismatches + result.errors + result.timeouts;
    const answer = { answered: result['2xx'], wrong, seconds: result.duration, p99: result.latency.p99 };
    process.send(answer, () => process.exit(0));
  },
);

const typed = ({ headers, body }) => ({
  headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
  body,
});

/** No token is sent twice; there must be as many at first as there are connections. */
function chained({ body }, { after, first: left }) {
  return {
    setupRequest: (request) => ({ ...request, body: body.replace('{{spent}}', left.shift()) }),
    onResponse: (_status, text) => {
      const [, rest] = text.split(after);
      if (rest !== undefined) left.push(rest.slice(0, rest.indexOf('"')));
    },
  };
}
