import { createRequire } from 'node:module';

/*
 * graphql-js looks at every type check whether it was loaded twice, unless NODE_ENV is production while it loads; that is
 * eight hundredths of a verifyToken request (docs/decisions/0004). One service has one graphql-js, whatever mode it runs in.
 */
/* eslint-disable no-restricted-syntax -- it is told to the library alone, and taken back before anybody reads it */
const mode = process.env['NODE_ENV'];
process.env['NODE_ENV'] = 'production';
createRequire(import.meta.url)('graphql');
if (mode === undefined) delete process.env['NODE_ENV'];
else process.env['NODE_ENV'] = mode;
