// Plain bcrypt in a process of its own, and nothing else: told { cost, seconds } by one message, answers { hashes, seconds }.
import bcrypt from 'bcrypt';

process.once('message', ({ cost, seconds }) => {
  const hash = bcrypt.hashSync('somebody', cost);
  const startedAt = performance.now();
  let hashes = 0;
  while (performance.now() - startedAt < seconds * 1000) {
    bcrypt.compareSync('somebody else', hash);
    hashes++;
  }
  process.send({ hashes, seconds: (performance.now() - startedAt) / 1000 }, () => process.exit(0));
});
