/** What a template may say, with a value that it is tried with at start; `link` has to be said, and never in a subject. */
export const MAILS = {
  'verify-email': { link: 'https://auth.example.com/verify-email?token=sample&sample' },
  'reset-password': { link: 'https://auth.example.com/reset-password?token=sample&sample' },
  invitation: { link: 'https://auth.example.com/reset-password?token=sample&sample' },
  'sign-up-notice': {},
  'email-change-confirm': { link: 'https://auth.example.com/confirm-email-change?token=sample&sample' },
  'email-change-asked': { link: 'https://auth.example.com/undo-email-change?token=sample&sample' },
  'email-change-taken': {},
  'email-changed': {
    link: 'https://auth.example.com/undo-email-change?token=sample&sample',
    byAdministrator: true,
  },
  'email-change-undone': {
    link: 'https://auth.example.com/reset-password?token=sample&sample',
    wasMoved: true,
  },
  'email-change-taken-back': {},
  'password-changed': {},
  'password-reset': {},
  'mfa-enabled': {},
  'mfa-disabled': {},
  'mfa-reset': {},
  'passkey-added': {},
  'passkey-removed': {},
  'recovery-codes-replaced': {},
  'new-place': { at: '2026-11-22 09:30 UTC', place: 'Porto, PT' },
  'refresh-reuse': { at: '2026-11-22 09:30 UTC' },
} as const;

/** What every template may say besides; `firstName` is empty where a name might pass for a message. */
export const EVERYWHERE = { product: 'Sample & Sons', site: 'auth.example.com', firstName: 'Ana' } as const;

export type MailName = keyof typeof MAILS;

/** What has to be known to write one mail. */
export type Facts<N extends MailName> = {
  [Name in keyof (typeof MAILS)[N]]: (typeof MAILS)[N][Name] extends boolean ? boolean : string;
};
