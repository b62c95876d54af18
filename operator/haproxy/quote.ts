/** The one place where a value becomes part of a text that HAProxy parses. */

/**
 * Where a value stands:
 * - `name`: a name of ours (backend, server, file); anything else is our mistake
 * - `string`: an argument in haproxy.cfg, taken literally
 * - `format`: an argument in haproxy.cfg that HAProxy reads as log-format, where `%` is special
 * - `token`: a word of a map line
 * - `path`: a path in its normal form as part of a map line
 */
export type QuoteContext = 'name' | 'string' | 'format' | 'token' | 'path';

/** A value that must never reach HAProxy got as far as here: a check in front of it is missing. */
export class UnquotableError extends Error {
  override readonly name = 'UnquotableError';
}

const CONTROL = /\p{Cc}/u;

const quoters: Readonly<Record<QuoteContext, (value: string) => string | undefined>> = {
  name: (value) => (/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,399}$/.test(value) ? value : undefined),
  string: (value) => (CONTROL.test(value) ? undefined : `'${value.replaceAll("'", `'\\''`)}'`),
  format: (value) => (CONTROL.test(value) ? undefined : `'${value.replaceAll('%', '%%').replaceAll("'", `'\\''`)}'`),
  token: (value) => (/^[A-Za-z0-9_.~:/?|*!@%&=,+-]+$/.test(value) ? value : undefined),
  path: (value) => (/^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/.test(value) ? value : undefined),
};

/**
 * `value` as HAProxy reads it back unchanged in this context.
 * Errors: throws UnquotableError for what cannot be written safely; there is no lenient form.
 * Source: HAProxy configuration manual 2.2 "Quoting and escaping", management guide 9.3.
 */
export function quote(context: QuoteContext, value: string): string {
  const quoted = quoters[context](value);
  if (quoted === undefined) throw new UnquotableError(`not a ${context}: ${JSON.stringify(value.slice(0, 100))}`);
  return quoted;
}

/**
 * Percent-encodes everything but the unreserved characters of RFC 3986, byte by byte (UTF-8), so that any text fits a
 * map line and a runtime command.
 */
export function percentEncode(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
