// Exits with 0 where the service is ready: for supervisors that ask by running a program, as Docker does.
const url = `http://127.0.0.1:${process.env['PORT'] ?? 4000}/health/ready`;
const response = await fetch(url, { signal: AbortSignal.timeout(2500) }).catch(() => undefined);
process.exit(response?.ok === true ? 0 : 1);
