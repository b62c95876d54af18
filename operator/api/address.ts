import ipaddr from 'ipaddr.js';

const LABEL = /^[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const ZONE = '%';
const NOT_ONE_HOST: ReadonlySet<string> = new Set(['unspecified', 'broadcast', 'multicast']);

/**
 * The one spelling of an IPv4 or IPv6 address; undefined when the text is none.
 * Shape: dotted decimal or RFC 5952, without brackets. An IPv4-mapped address is the IPv4 address, since it is the same host.
 * Errors: a zone id (`fe80::1%eth0`), octal, hexadecimal and short forms of IPv4 are no address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return text;
  const address = parseIPv6(text);
  if (address === undefined) return undefined;
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/**
 * The one spelling of a range of addresses: the network's address and the length of its prefix; undefined when the text is none.
 * A single address is the range of itself, and bits beyond the prefix do not count.
 */
export function canonicalCidr(text: string): string | undefined {
  const slash = text.indexOf('/');
  const base = slash < 0 ? text : text.slice(0, slash);
  const whole = ipaddr.IPv4.isValidFourPartDecimal(base) ? 32 : 128;
  if (whole === 128 && parseIPv6(base) === undefined) return undefined;
  const length = slash < 0 ? whole : prefixLength(text.slice(slash + 1), whole);
  if (length === undefined) return undefined;
  return whole === 32 ? networkIPv4(base, length) : networkIPv6(base, length);
}

/** Whether the text is a DNS name (RFC 1123), with or without the final dot. Digits alone at the end make a wrong address, not a name. */
export function isHostname(text: string): boolean {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > 253) return false;
  const labels = name.split('.');
  return labels.every((label) => LABEL.test(label)) && !/^[0-9]+$/.test(labels.at(-1) ?? '');
}

/** Whether an EndpointSlice may hold this canonical address: the API refuses those that mean another host to everyone. */
export function isSliceAddress(address: string): boolean {
  const range = ipaddr.parse(address).range();
  return !NOT_ONE_HOST.has(range) && range !== 'loopback' && range !== 'linkLocal';
}

/** Whether one host can have this canonical address: `0.0.0.0` and `::` would mean "wherever the visitor went" to HAProxy. */
export function isServerAddress(address: string): boolean {
  return !NOT_ONE_HOST.has(ipaddr.parse(address).range());
}

/** The bytes of a canonical address, in the order of the network. */
export function addressBytes(address: string): readonly number[] {
  return ipaddr.parse(address).toByteArray();
}

function parseIPv6(text: string): ipaddr.IPv6 | undefined {
  if (!text.includes(':') || text.includes(ZONE)) return undefined;
  const plain = withoutDots(text);
  return !plain.includes('.') && ipaddr.IPv6.isValid(plain) ? ipaddr.IPv6.parse(plain) : undefined;
}

/** The same address with its dotted end, if it has one, in hexadecimal: the library reads `::1.2.3.4` as an IPv4 address. */
function withoutDots(text: string): string {
  const at = text.lastIndexOf(':') + 1;
  const end = text.slice(at);
  if (!ipaddr.IPv4.isValidFourPartDecimal(end)) return text;
  const [a = 0, b = 0, c = 0, d = 0] = ipaddr.IPv4.parse(end).octets;
  return `${text.slice(0, at)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

function prefixLength(text: string, most: number): number | undefined {
  return /^(?:0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

function networkIPv4(base: string, length: number): string {
  return `${ipaddr.IPv4.networkAddressFromCIDR(`${base}/${length}`).toString()}/${length}`;
}

function networkIPv6(base: string, length: number): string {
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${withoutDots(base)}/${length}`);
  return network.isIPv4MappedAddress() && length >= 96
    ? `${network.toIPv4Address().toString()}/${length - 96}`
    : `${network.toRFC5952String()}/${length}`;
}
