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

/** Says that the address has an account already; no link in it opens or confirms anything. */
export function signUpNotice({ firstName, link }: { firstName: string; link: string }): Mail {
  return write(
    'You have an account already',
    greet(firstName),
    'somebody tried to open an account with this email address, which belongs to yours. If it was you, sign in as before.',
    link,
    'If it was not you, there is nothing to do.',
  );
}

/** Whoever signs up chooses the name and the address: what might pass for a message or a link is left out. */
const greet = (firstName: string) =>
  /^[\p{L}\p{M}' -]{1,40}$/u.test(firstName) ? `Hello ${firstName},` : 'Hello,';

function write(subject: string, greeting: string, request: string, link: string, footnote: string): Mail {
  const paragraphs = [greeting, request, footnote].map((line) => `<p>${escapeHtml(line)}</p>`);
  paragraphs.splice(2, 0, `<p><a href="${escapeHtml(link)}">${escapeHtml(subject)}</a></p>`);
  return {
    subject,
    text: [greeting, request, link, footnote].join('\n\n'),
    html: `<!doctype html><html><body>${paragraphs.join('')}</body></html>`,
  };
}

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
