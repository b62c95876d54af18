import type { HealthCheckOptions } from '../topology/topology.ts';
import { quote } from './quote.ts';

/**
 * A server that is not known to be well is looked at this often (ms) where the interval is longer, so that joining, failing
 * and coming back do not wait for it. A run-time server counts as down until its first check.
 */
const DOUBT_INTERVAL = 500;

/**
 * Backend lines of the health check.
 * Source: HAProxy configuration manual, "option httpchk", "http-check send", "http-check expect".
 */
export function healthCheckLines(check: HealthCheckOptions): readonly string[] {
  const timeout = `timeout check ${check.timeout}ms`;
  if (check.type === 'TCP') return [timeout];
  const headers = [{ name: 'Host', value: check.host }, ...check.headers]
    .map(({ name, value }) => ` hdr ${quote('name', name)} ${quote('format', value)}`)
    .join('');
  const { status, body, header } = check.expect;
  const codes = status.map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`)).join(',');
  return [
    timeout,
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
  const doubt = Math.min(check.interval, DOUBT_INTERVAL);
  const port = check.port === undefined ? '' : ` port ${check.port}`;
  return `check inter ${check.interval}ms fastinter ${doubt}ms downinter ${doubt}ms rise ${check.rise} fall ${check.fall}${port}`;
}
