import type { HealthCheckOptions, ServerCheck } from '../topology/topology.ts';
import { quote } from './quote.ts';

/**
 * A server that is not known to be well is looked at this often (ms) where the interval is longer, so that joining, failing
 * and coming back do not wait for it. A run-time server counts as down until its first check.
 */
const DOUBT_INTERVAL = 500;

/**
 * What each type of check asks for.
 * Source: HAProxy configuration manual, "option httpchk", "http-check", "tcp-check", "option mysql-check".
 */
const typeLines: Readonly<Record<HealthCheckOptions['type'], (check: HealthCheckOptions) => readonly string[]>> = {
  TCP: tcpLines,
  HTTP: httpLines,
  MySQL: ({ username = '' }) => [`option mysql-check user ${quote('name', username)}`],
};

/** Backend lines of the health check. */
export function healthCheckLines(check: HealthCheckOptions): readonly string[] {
  return [`timeout check ${check.timeout}ms`, ...typeLines[check.type](check)];
}

/** As bytes in hexadecimal, a text needs no quotes and may have line ends. */
function tcpLines({ send, receive }: HealthCheckOptions): readonly string[] {
  if (send === undefined && receive === undefined) return [];
  const bytes = (text: string) => Buffer.from(text).toString('hex');
  return [
    'option tcp-check',
    ...(send === undefined ? [] : [`tcp-check send-binary ${bytes(send)}`]),
    ...(receive === undefined ? [] : [`tcp-check expect binary ${bytes(receive)}`]),
  ];
}

function httpLines(check: HealthCheckOptions): readonly string[] {
  const headers = [{ name: 'Host', value: check.host }, ...check.headers]
    .map(({ name, value }) => ` hdr ${quote('name', name)} ${quote('format', value)}`)
    .join('');
  const { status, body, header } = check.expect;
  const codes = status.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`)).join(',');
  return [
    'option httpchk',
    `http-check send meth ${quote('name', check.method)} uri ${quote('string', check.path)} ver HTTP/1.1${headers}`,
    `http-check expect status ${codes}`,
    ...(body === undefined ? [] : [`http-check expect string ${quote('string', body)}`]),
    ...(header === undefined
      ? []
      : // `hdr` would look at the parts between commas; without `-m str` the value `-m` would be an option.
        [`http-check expect fhdr name ${quote('name', header.name)} value -m str ${quote('string', header.value)}`]),
  ];
}

/** Keywords of a server line that switch the check on. */
export function healthCheckKeywords(check: HealthCheckOptions): string {
  return `check${checkKeywords(check)}`;
}

/** Keywords for what a check has of its own, with a space before each; where they stand again, the last one counts. */
export function checkKeywords({ interval, rise, fall, port }: ServerCheck): string {
  const words = [
    ...(interval === undefined ? [] : [intervalWords(interval)]),
    ...(rise === undefined ? [] : [`rise ${rise}`]),
    ...(fall === undefined ? [] : [`fall ${fall}`]),
    ...(port === undefined ? [] : [`port ${port}`]),
  ];
  return words.map((word) => ` ${word}`).join('');
}

function intervalWords(interval: number): string {
  const doubt = Math.min(interval, DOUBT_INTERVAL);
  return `inter ${interval}ms fastinter ${doubt}ms downinter ${doubt}ms`;
}
