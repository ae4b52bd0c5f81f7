import mustache from 'mustache';
import { escapeHtml } from './escape.js';
import { renderPart, type Part } from './part.js';

/** What a template may say, by name, with a sample of each. */
type Samples = Readonly<Record<string, string | boolean>>;
/** mustache's own words for the kinds of tags. */
const TAGS = new Set(['name', '&', '{', '#', '^', '>']);
const LONGEST_SUBJECT = 200;

/** Everything that is wrong with a template of one part, as the rest of a sentence that begins with its name. */
export function faultsOf(part: Part, template: string, samples: Samples): string[] {
  const tags = tagsOf(template);
  if (typeof tags === 'string') return [`cannot be read: ${tags}`];
  const faults = tags.flatMap((tag) => faultOf(part, tag, samples) ?? []);
  return [...new Set(faults.length > 0 ? faults : faultsWhenWritten(part, template, samples))];
}

interface Tag {
  kind: string;
  name: string;
}

/** @returns what mustache says of it where it is broken */
function tagsOf(template: string): Tag[] | string {
  try {
    return flatten(mustache.parse(template));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const flatten = (spans: readonly unknown[]): Tag[] =>
  (spans as [kind: string, name: string, from: number, to: number, within?: unknown][]).flatMap(
    ([kind, name, , , within]) => [
      ...(TAGS.has(kind) ? [{ kind, name }] : []),
      ...(Array.isArray(within) ? flatten(within) : []),
    ],
  );

function faultOf(part: Part, { kind, name }: Tag, samples: Samples): string | undefined {
  if (kind === '>') return `includes {{> ${name}}}: there are no templates inside templates`;
  if (!Object.hasOwn(samples, name))
    return `names {{${name}}}, which this mail does not know; it knows ${Object.keys(samples).sort().join(', ')}`;
  if (part === 'subject' && name === 'link') return 'names {{link}}: a subject is read by many on its way';
  if (part === 'html' && (kind === '&' || kind === '{'))
    return `names {{{${name}}}}, which would not be made safe for HTML; write {{${name}}}`;
  return undefined;
}

/** Tried with everything there, and with all that may be empty being so. */
function faultsWhenWritten(part: Part, template: string, samples: Samples): string[] {
  const { link } = samples;
  const bare = Object.entries(samples).map(([name, sample]) => [
    name,
    typeof sample === 'boolean' ? false : MAY_BE_EMPTY.has(name) ? '' : sample,
  ]);
  return [samples, Object.fromEntries(bare) as Samples].flatMap((facts) => {
    const written = renderPart(part, template, facts);
    if (written.trim() === '') return ['says nothing'];
    if (part === 'subject') return faultsOfSubject(written.trim());
    const wanted = typeof link === 'string' ? (part === 'html' ? escapeHtml(link) : link) : '';
    return written.includes(wanted) ? [] : ['lacks {{link}}, or has it only now and then'];
  });
}

const MAY_BE_EMPTY = new Set(['firstName', 'place']);

function faultsOfSubject(subject: string): string[] {
  if (/[\r\n]/.test(subject)) return ['has more than one line'];
  return subject.length > LONGEST_SUBJECT ? [`has more than ${LONGEST_SUBJECT} characters`] : [];
}
