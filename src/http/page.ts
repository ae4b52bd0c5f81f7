import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { escapeHtml } from '../domain/mail.js';
import { STYLE } from './style.js';

/** A small page of the service itself; it works without JavaScript and asks nobody else for anything. */
export interface Page {
  status: number;
  /** Text; also what a screen reader says first. */
  title: string;
  /** HTML, made safe by who wrote it. */
  body: string;
  /** A script of ours that may run; nothing else may. */
  script?: string;
}

/** Answers with a page that is kept by nobody, framed by nobody, and tells no other site where it was. */
export function sendPage(response: ServerResponse, { status, title, body, script }: Page): void {
  response.statusCode = status;
  response.setHeader('content-type', 'text/html; charset=utf-8');
  response.setHeader('cache-control', 'no-store');
  response.setHeader('referrer-policy', 'no-referrer');
  // Who opened the page in a window keeps no hold of it.
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  response.setHeader('content-security-policy', policyFor(script));
  const ours = script === undefined ? '' : `<script>${script}</script>`;
  response.end(
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escapeHtml(title)}</title>${ours}<style>${STYLE}</style></head><body><main><h1>${escapeHtml(title)}</h1>${body}</main></body></html>`,
  );
}

const policyFor = (script: string | undefined): string =>
  [
    "default-src 'none'",
    `style-src ${allow(STYLE)}`,
    ...(script === undefined ? [] : [`script-src ${allow(script)}`]),
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');

/** By its digest: no text but this one is taken (CSP Level 3 §2.3.1). */
const allow = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
