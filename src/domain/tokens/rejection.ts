/** Why a token is not trusted; the words of the public contract. */
export type Rejection =
  | 'MALFORMED'
  | 'UNTRUSTED_SIGNATURE'
  | 'UNTRUSTED_ISSUER'
  | 'WRONG_AUDIENCE'
  | 'WRONG_TYPE'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'REVOKED'
  | 'SUBJECT_DISABLED'
  | 'SUBJECT_DELETED'
  | 'NO_SERVICE_ACCESS'
  | 'MISSING_PERMISSION'
  | 'ISSUER_UNAVAILABLE';
