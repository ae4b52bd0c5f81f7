import { Written } from '../../domain/lasting.js';

/** A list in which something was written already, as text. */
export function writeList(items: readonly unknown[]): Written {
  let text = '';
  for (const item of items) text += `${text === '' ? '[' : ','}${textOf(item) ?? 'null'}`;
  return new Written(`${text}]`, undefined);
}

/** The data of an answer as JSON. */
export function writeData(data: Record<string, unknown> | null | undefined): string | undefined {
  if (!data || !Object.values(data).some(isWritten)) return JSON.stringify(data);
  const members: string[] = [];
  for (const [key, value] of Object.entries(data)) {
    const text = textOf(value);
    if (text !== undefined) members.push(`"${key}":${text}`);
  }
  return `{${members.join(',')}}`;
}

export const isWritten = (value: unknown): value is Written => value instanceof Written;

/** Undefined for what JSON has no word for, whatever the type of `stringify` says. */
const textOf = (value: unknown): string | undefined =>
  isWritten(value) ? value.text : JSON.stringify(value);
