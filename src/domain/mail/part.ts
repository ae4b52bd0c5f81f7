import mustache from 'mustache';
import { escapeHtml } from './escape.js';

/** The parts of a mail; each is a file of that name, `subject.mustache` and so on. */
export const PARTS = ['subject', 'text', 'html'] as const;
export type Part = (typeof PARTS)[number];

/** Writes one part: what goes into HTML is made safe for it, what goes into text is left as it is. @throws for a template that is broken */
export function renderPart(part: Part, template: string, facts: object): string {
  const escape = part === 'html' ? (value: unknown) => escapeHtml(String(value)) : String;
  return mustache.render(template, facts, undefined, { escape }).trimEnd();
}
