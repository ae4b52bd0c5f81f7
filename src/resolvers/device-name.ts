import Bowser from 'bowser';

/** What Bowser calls a browser where it knows it; else it repeats what the client calls itself. */
const BROWSERS: ReadonlySet<string> = new Set(Object.values(Bowser.BROWSER_MAP));

/** Browsers and systems by the names that people know, where Bowser has another one. */
const KNOWN_AS: Readonly<Record<string, string>> = {
  'Samsung Internet for Android': 'Samsung Internet',
  'Android Browser': 'App',
  'Chrome OS': 'ChromeOS',
};

/** What is no browser, by how it begins. */
const PROGRAMS: readonly (readonly [RegExp, string])[] = [
  [/^okhttp\//i, 'App on Android'],
  [/^Dalvik\//, 'App on Android'],
  [/^Dart\//, 'App'],
  [/^curl\//, 'curl'],
  [/^Wget\//i, 'Wget'],
  [/^HTTPie\//, 'HTTPie'],
  [/^PostmanRuntime\//, 'Postman'],
  [/^insomnia\//i, 'Insomnia'],
  [/^python-|^Python\/|^aiohttp|^python-httpx/i, 'Python'],
  [/^(node|undici|axios|node-fetch)\b/i, 'Node.js'],
  [/^Go-http-client\//, 'Go'],
  [/^(Java|Apache-HttpClient)\//, 'Java'],
];

/** An application on Apple's own HTTP library says its name, a version, and no more. */
const APPLE_APP = /^([\p{L}\p{N}][\p{L}\p{N} ._-]{0,29})\/[\w.]+ CFNetwork\//u;

/**
 * A device as its owner knows it, "Firefox on Linux", from the User-Agent header; null where that says nothing, says
 * nonsense or is a robot's. Nothing of the header's own wording gets in, save the name of an application in letters and digits.
 */
export function deviceName(userAgent: string | null): string | null {
  if (userAgent === null || userAgent === '') return null;
  const program = PROGRAMS.find(([form]) => form.test(userAgent))?.[1];
  if (program !== undefined) return program;
  const [, appleApp] = APPLE_APP.exec(userAgent) ?? [];
  return appleApp === undefined ? browserName(userAgent) : `${appleApp.trim()} on an Apple device`;
}

function browserName(userAgent: string): string | null {
  const { browser, os, platform } = Bowser.parse(userAgent);
  const { name = '' } = browser;
  if (!BROWSERS.has(name) || platform.type === 'bot') return null;
  const system = platform.model === 'iPad' ? 'iPad' : os.name;
  return [name, system]
    .filter((part) => part !== undefined && part !== '')
    .map((part) => KNOWN_AS[part ?? ''] ?? part)
    .join(' on ');
}
