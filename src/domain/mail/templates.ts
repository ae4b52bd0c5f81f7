/** A mail's words, as plain text and as HTML. */
export interface Mail {
  subject: string;
  text: string;
  html: string;
}

/** Asks for a click that confirms the address. */
export function verificationMail({ firstName, link }: { firstName: string; link: string }): Mail {
  return write(
    'Confirm your email address',
    greet(firstName),
    'please confirm that this is your email address. The link is good for one day.',
    link,
    'If you did not sign up, ignore this mail.',
  );
}

/** Brings the link that sets a forgotten password anew. */
export function resetMail({ firstName, link }: { firstName: string; link: string }): Mail {
  return write(
    'Set a new password',
    greet(firstName),
    'somebody, hopefully you, asked to set a new password for your account. The link is good for one hour and for one use; setting the password signs you out everywhere.',
    link,
    'If it was not you, ignore this mail: your password stays as it is.',
  );
}

/** Brings the link that sets the first password of an account that an administrator has opened. */
export function invitationMail({ firstName, link }: { firstName: string; link: string }): Mail {
  return write(
    'Set the password of your new account',
    greet(firstName),
    'an account was opened for you. Choose its password to use it. The link is good for seven days and for one use.',
    link,
    'If you expected no account, ignore this mail: nobody can use it without the link.',
  );
}

/** Says that the address has an account already; no link in it opens or confirms anything. */
export function signUpNotice({ firstName, site }: { firstName: string; site: string }): Mail {
  return tell(
    'You have an account already',
    greet(firstName),
    'somebody tried to open an account with this email address, which belongs to yours. If it was you, sign in as before.',
    site,
    'If it was not you, there is nothing to do.',
  );
}

/** What may change about the proofs of who somebody is, as its owner is told. */
const CREDENTIAL_CHANGES = {
  password_changed: ['Your password was changed', 'the password of your account was changed.'],
  password_reset: [
    'Your password was reset',
    'the password of your account was reset by a link that was mailed to this address.',
  ],
  email_changed: [
    'Your email address was changed',
    'an administrator has changed the email address of your account. Mail about it no longer comes to this one.',
  ],
  mfa_enabled: [
    'Two-step sign-in was switched on',
    'an authenticator app was added to your account: signing in asks for its codes from now on.',
  ],
  mfa_disabled: [
    'Two-step sign-in was switched off',
    'the second step was removed from signing in to your account: the password alone is enough from now on.',
  ],
  mfa_reset: [
    'Two-step sign-in was reset',
    'an administrator has removed the second step from signing in to your account, and its passkeys.',
  ],
  passkey_added: [
    'A passkey was added to your account',
    'a passkey was added to your account: whoever holds it signs in without the password.',
  ],
  passkey_removed: [
    'A passkey was removed from your account',
    'a passkey was removed from your account: it signs nobody in any more.',
  ],
  recovery_codes_replaced: [
    'Your recovery codes were replaced',
    'new recovery codes were made for your account; the earlier ones are void.',
  ],
} as const satisfies Record<string, readonly [subject: string, said: string]>;

export type CredentialChange = keyof typeof CREDENTIAL_CHANGES;

/** Says that a credential has changed; no link in it changes anything back. */
export function credentialNotice(about: { firstName: string; what: CredentialChange; site: string }): Mail {
  const [subject, said] = CREDENTIAL_CHANGES[about.what];
  return tell(subject, greet(about.firstName), said, about.site, IF_NOT_YOU);
}

const IF_NOT_YOU =
  'If this was you, there is nothing to do. If not, change your password at once and tell whoever runs the service.';

/** A use of an account that may not have been its owner's; `place` is a location, or a network address without one. */
export type SuspiciousUse =
  { kind: 'new place'; at: Date; place: string | null } | { kind: 'refresh reuse'; at: Date };

/** Says that somebody, perhaps not the owner, used the account. */
export function suspicionNotice(about: { firstName: string; use: SuspiciousUse; site: string }): Mail {
  const { use } = about;
  const at = `${use.at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  if (use.kind === 'refresh reuse')
    return tell(
      'A session of yours was ended',
      greet(about.firstName),
      `a session of your account was used from two copies of its key at ${at}, as when somebody has stolen one. It was ended; sign in again.`,
      about.site,
      IF_NOT_YOU,
    );
  return tell(
    'A sign-in from a new place',
    greet(about.firstName),
    `somebody signed in to your account at ${at}${use.place === null ? '' : ` from ${use.place}`}, where it has not been used before.`,
    about.site,
    IF_NOT_YOU,
  );
}

/** Whoever signs up chooses the name and the address: what might pass for a message or a link is left out. */
const greet = (firstName: string) =>
  /^[\p{L}\p{M}' -]{1,40}$/u.test(firstName) ? `Hello ${firstName},` : 'Hello,';

function write(subject: string, greeting: string, request: string, link: string, footnote: string): Mail {
  const anchor = `<p><a href="${escapeHtml(link)}">${escapeHtml(subject)}</a></p>`;
  return {
    subject,
    text: [greeting, request, link, footnote].join('\n\n'),
    html: page([paragraph(greeting), paragraph(request), anchor, paragraph(footnote)]),
  };
}

/** A notice names the service and links to nothing: the service has no page of its own to open, and people learn not to follow such links. */
function tell(subject: string, greeting: string, said: string, site: string, footnote: string): Mail {
  const lines = [greeting, said, `This is about your account at ${new URL(site).host}.`, footnote];
  return { subject, text: lines.join('\n\n'), html: page(lines.map(paragraph)) };
}

const paragraph = (line: string) => `<p>${escapeHtml(line)}</p>`;
const page = (paragraphs: readonly string[]) =>
  `<!doctype html><html><body>${paragraphs.join('')}</body></html>`;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Makes any text safe to stand in HTML, attributes included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? sign);
}
