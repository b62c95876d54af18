/** Paths and hosts in the one form in which rules and requests are compared. */

const UNRESERVED = /[A-Za-z0-9\-._~]/;
const AMBIGUOUS = /%2F|%5C|%00|[\\\0]/;
/** Looked for before anything is decoded: `%%4141` would become the triplet `%A41`. */
const BARE_PERCENT = /%(?![0-9A-Fa-f]{2})/;
const BEYOND_ASCII = /[^!-~]+/g;

/**
 * The normal form of a path without query: unreserved percent-triplets decoded once, the others in upper case, `//`
 * merged, `.` and `..` resolved. undefined for a path that servers read in different ways (an encoded slash, a NUL, a
 * backslash, a `%` that begins no triplet, a `..` above the root): such a request is answered 400.
 * Source: RFC 3986 §6.2.2; that `//` is merged before `..` is resolved is what nginx and HAProxy do.
 */
export function normalizePath(path: string): string | undefined {
  if (BARE_PERCENT.test(path)) return undefined;
  const spelled = normalizeTriplets(path);
  if (!spelled.startsWith('/') || AMBIGUOUS.test(spelled)) return undefined;
  return resolveDots(spelled.replace(/\/{2,}/g, '/'));
}

/** The same path with its triplets in one spelling; what is beyond ASCII or no letter at all becomes triplets. */
export function normalizeTriplets(path: string): string {
  const ascii = path.replace(BEYOND_ASCII, (text) => encodeURIComponent(text.toWellFormed()));
  return ascii.replace(/%([0-9A-Fa-f]{2})/g, (triplet, hex: string) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16));
    return UNRESERVED.test(character) ? character : triplet.toUpperCase();
  });
}

function resolveDots(path: string): string | undefined {
  const segments = path.split('/').slice(1);
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..' && kept.length === 0) return undefined;
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
  }
  const endsInSlash = ['', '.', '..'].includes(segments.at(-1) ?? '');
  return kept.length > 0 && endsInSlash ? `/${kept.join('/')}/` : `/${kept.join('/')}`;
}

/**
 * The file type of a path in normal form, in lower case: the suffix of its first segment that ends like a file.
 * `/index.php/x.jpg` is php, because PHP takes what follows the script as PATH_INFO; a suffix without a letter is a
 * version (`/v1.2/`), and a segment that is nothing but a suffix (`/.php`) is a hidden file without type.
 */
export function extensionOf(normalizedPath: string): string | undefined {
  for (const segment of normalizedPath.split('/')) {
    const suffix = /.\.([A-Za-z0-9]{1,10})$/.exec(segment)?.[1];
    if (suffix !== undefined && /[A-Za-z]/.test(suffix)) return suffix.toLowerCase();
  }
  return undefined;
}

/** A host as it is compared: lower case, without port (or what stands in its place) and trailing dot. */
export function normalizeHost(host: string): string {
  return host
    .trim()
    .toLowerCase()
    .replace(/:[^\]]*$/, '')
    .replace(/\.$/, '');
}

/** Whether a Host header names a host; else the request is answered 400. */
export function isHostHeader(host: string): boolean {
  return !/[/?|*,]|^\.|\.\./.test(host);
}
