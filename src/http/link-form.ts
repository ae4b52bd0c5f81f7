import { escapeHtml } from '../domain/mail.js';

/**
 * The address bar, and with it the tab's own history, forgets the token as soon as the page is there.
 * @see docs/decisions/0017-tokens-of-links-leave-by-script.md
 */
const FORGET_THE_TOKEN = "history.replaceState(null,'',location.pathname);";

/** A second click sends no second form, whose answer would be that the link is spent. */
const SEND_ONCE =
  "{let sent;addEventListener('submit',e=>{sent?e.preventDefault():sent=1});addEventListener('pageshow',()=>{sent=0})}";

/** Shows what is typed to whoever asks, until it is sent. */
const REVEAL =
  "addEventListener('DOMContentLoaded',()=>{const i=document.getElementById('new-password'),b=document.getElementById('reveal');if(!b)return;const show=s=>{i.type=s?'text':'password';b.textContent=s?'Hide password':'Show password'};b.hidden=false;b.onclick=()=>show(i.type=='password');i.form.addEventListener('submit',()=>show(false))});";

/** What a page that was opened by a link runs. */
export const LINK_SCRIPT = FORGET_THE_TOKEN + SEND_ONCE;

/** What the page that asks for a password runs. */
export const PASSWORD_SCRIPT = FORGET_THE_TOKEN + REVEAL + SEND_ONCE;

/** Instead of a form, where the address brought no token: by hand, or because the page was loaded again. */
export const WITHOUT_LINK =
  '<p>Open this page by the link in your mail. If you have none, ask for one where you sign in.</p>';

/** Takes the token from the address to the form. */
export const hidden = (token: string): string =>
  `<input type="hidden" name="token" value="${escapeHtml(token)}">`;

/** Asks for a password of so many characters at least; `fault` is what was wrong with the last one. */
export function passwordForm(token: string, minLength: number, fault?: string): string {
  const told = fault === undefined ? '' : `<p id="fault" role="alert">${escapeHtml(fault)}</p>`;
  const state =
    fault === undefined
      ? ' aria-describedby="policy"'
      : ' aria-invalid="true" aria-describedby="fault policy"';
  return [
    `<form method="post" action="reset-password">${hidden(token)}${told}`,
    '<label for="new-password">New password</label>',
    `<p id="policy" class="hint">At least ${minLength} characters. Any are good, spaces too; several words that do not belong together are easy to keep and hard to guess.</p>`,
    `<input id="new-password" name="newPassword" type="password" autocomplete="new-password" autocapitalize="none" spellcheck="false" required autofocus${state}>`,
    '<button type="button" id="reveal" hidden>Show password</button>',
    '<button>Set password</button></form>',
  ].join('');
}
