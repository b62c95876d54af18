import { describe, expect, it } from 'vitest';
import type { RoutingRuleSpec } from '../../operator/api/kinds.gen.ts';
import type { CertificateInfo } from '../../operator/api/resources.ts';
import { certificateEnds, mismatchOf, uncoveredHosts, withExpiry } from '../../operator/status/certificates.ts';
import { proxyFigures } from '../../operator/status/figures.ts';
import { secondsOf } from '../../operator/status/time.ts';
import { positive, type History } from '../../operator/status/verdict.ts';
import { buildTopology } from '../../operator/topology/build.ts';
import { byKey, metadata, rule } from '../topology/objects.ts';
import { NOTHING, resourcesOf } from './world.ts';

const END = '2027-03-01T00:00:00Z';
const LATER = '2028-01-01T00:00:00Z';
const DAY = 86_400;

const secret = (name: string, certificate: CertificateInfo) => ({
  metadata: metadata(name),
  version: '1',
  keys: ['tls.crt', 'tls.key'],
  certificate,
});
const secrets = byKey([
  secret('site', { fingerprint: '1', notAfter: LATER, names: [] }),
  secret('rsa', { fingerprint: '2', notAfter: END, names: [] }),
  secret('bad', { problem: 'tls.crt holds no certificate.' }),
]);
const https = (tls: NonNullable<RoutingRuleSpec['listener']['tls']>) =>
  rule('r', { listener: { protocol: 'HTTPS', tls }, rules: [{ name: 'a', respond: { status: 204 } }] });

function at(seconds: number): ReturnType<typeof withExpiry> {
  const ends = certificateEnds(https({ secretName: 'site', alternateSecretName: 'rsa' }), secrets);
  const history: History = { previous: [], sameGeneration: true, generation: 1, now: '', seconds, since: 0 };
  return withExpiry(positive('ResolvedRefs', 'All references are resolved.'), ends, history);
}

describe('the end of a certificate', () => {
  const end = secondsOf(END);

  it.each([
    {
      name: 'is told long before',
      seconds: end - 100 * DAY,
      status: 'True',
      message: /first certificate to end is that of Secret default\/rsa, on 2027-03-01/,
      again: end - 14 * DAY,
    },
    {
      name: 'asks for a new one two weeks before',
      seconds: end - 14 * DAY,
      status: 'True',
      message: /ends soon, on 2027-03-01T00:00:00Z: renew it/,
      again: end,
    },
    {
      name: 'is a broken reference from that second on',
      seconds: end,
      status: 'False',
      message: /ended on 2027-03-01T00:00:00Z, so clients refuse it/,
      again: undefined,
    },
  ])('$name', ({ seconds, status, message, again }) => {
    const { resolved, recheckAt } = at(seconds);
    expect(resolved).toMatchObject({ status, message: expect.stringMatching(message) });
    expect(recheckAt).toBe(again);
  });

  it('is not looked for where there is no certificate that could be used', () => {
    expect(certificateEnds(https({ secretName: 'bad' }), secrets)).toEqual([]);
    expect(certificateEnds(https({ secretName: 'none' }), secrets)).toEqual([]);
  });
});

it('in a figure is the first of what a Secret holds: its authority may last for many years more', () => {
  const both = { ...secret('site', { fingerprint: '1', notAfter: END, names: [] }) };
  const secrets = byKey([{ ...both, authority: { fingerprint: '2', notAfter: LATER, names: [] } }]);
  const rules = byKey([https({ secretName: 'site', clientCASecretName: 'site' })]);
  const resources = { ...resourcesOf({}), rules, secrets };
  const { certificates } = proxyFigures({ resources, topology: buildTopology(resources, new Map()), proxy: NOTHING });
  expect(certificates).toEqual([{ secret: 'default/site', end: secondsOf(END) }]);
});

describe('a certificate is for', () => {
  const named = byKey([
    secret('www', { fingerprint: '1', notAfter: END, names: ['www.example.com', '*.Example.org'] }),
    secret('short', { fingerprint: '2', notAfter: END, names: ['www.example.com'] }),
  ]);
  const told = (hostnames: readonly string[] | undefined, tls: Parameters<typeof https>[0]) => {
    const { metadata: meta, spec, kind } = https(tls);
    return uncoveredHosts({ kind, metadata: meta, spec: { ...spec, ...(hostnames && { hostnames }) } }, named);
  };

  it.each([
    ['its names, without case', ['WWW.example.com'], []],
    ['one label below its wildcard', ['a.example.org', '*.example.org'], []],
    [
      'not two labels below it, nor the name above',
      ['a.b.example.org', 'example.org'],
      ['a.b.example.org', 'example.org'],
    ],
    ['no other host', ['www.example.com', 'shop.example.com'], ['shop.example.com']],
    ['no wildcard where it has one name', ['*.example.com'], ['*.example.com']],
    ['any host where the rule names none', undefined, []],
  ])('%s', (_, hosts, uncovered) => {
    expect(told(hosts, { secretName: 'www' })).toEqual(uncovered.map((host) => `${host} (Secret "www")`));
  });

  it('what each of two is for', () => {
    const found = told(['a.example.org'], { secretName: 'www', alternateSecretName: 'short' });
    expect(found).toEqual(['a.example.org (Secret "short")']);
    expect(mismatchOf(found)).toMatchObject([{ type: 'CertificateMismatch', status: 'True' }]);
    expect(mismatchOf([])).toEqual([]);
  });
});
