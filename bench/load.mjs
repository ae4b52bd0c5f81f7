// One load run in a process of its own, so that the generator's work is not the server's. Told what to do by one message:
// { url, seconds, connections, requests: [{ headers, body }], expectText }; answers { answered, wrong, seconds }.
import autocannon from 'autocannon';

process.once('message', async ({ url, seconds, connections, requests, expectText }) => {
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    method: 'POST',
    requests: requests.map(({ headers, body }) => ({
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })),
    verifyBody: (text) => text.includes(expectText),
  });
  const wrong = result.non2xx + result.mismatches + result.errors + result.timeouts;
  process.send({ answered: result['2xx'], wrong, seconds: result.duration }, () => process.exit(0));
});
