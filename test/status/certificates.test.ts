import { describe, expect, it } from 'vitest';
import type { CertificateInfo } from '../../operator/api/resources.ts';
import { certificateEnds, withExpiry } from '../../operator/status/certificates.ts';
import { secondsOf } from '../../operator/status/time.ts';
import { positive, type History } from '../../operator/status/verdict.ts';
import { byKey, metadata, rule } from '../topology/objects.ts';

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
const https = (tls: { readonly secretName: string; readonly alternateSecretName?: string }) =>
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
