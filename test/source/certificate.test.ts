/** A Secret whose certificate cannot be used any more: what it held before stays in force, texts and all. */
import { describe, expect, test } from 'vitest';
import { certificateInForce } from '../../operator/api/resources.ts';
import { certificatesOf, secretContents } from '../../operator/source/certificate.ts';
import { certificateFor, tlsSecret } from '../support/certificates.ts';

const a = certificateFor(['a.x']);
const b = certificateFor(['b.x']);
const good = new Map([...tlsSecret(a), ['ca.crt', a.certificate], ['note', 'one']]);
const before = secretContents(good, undefined);
const A = { ...certificatesOf(good) };

const change = (texts: Readonly<Record<string, string | undefined>>) => {
  const next = new Map(good);
  for (const [key, text] of Object.entries(texts)) {
    if (text === undefined) next.delete(key);
    else next.set(key, text);
  }
  return next;
};

describe('a Secret that turns bad', () => {
  test.each([
    ['the key of another certificate', { 'tls.key': b.key }, /does not belong/],
    ['no certificate', { 'tls.crt': 'hello' }, /no certificate in PEM form/],
    ['no key any more', { 'tls.key': undefined }, /lacks tls.crt and tls.key/],
    ['nothing any more', { 'tls.key': undefined, 'tls.crt': undefined }, /lacks tls.crt and tls.key/],
  ])('keeps its certificate and key: %s', (_, texts, problem) => {
    const now = secretContents(change({ ...texts, note: 'two' }), before);
    expect(now.certificate).toEqual({ problem: expect.stringMatching(problem) as unknown, lastGood: A.certificate });
    expect([now.values.get('tls.crt'), now.values.get('tls.key')]).toEqual([a.certificate, a.key]);
    expect([now.values.get('note'), now.authority]).toEqual(['two', A.authority]);
  });

  test('keeps its authority', () => {
    const now = secretContents(change({ 'ca.crt': 'hello' }), before);
    expect(now).toMatchObject({ certificate: A.certificate, authority: { lastGood: A.authority } });
    expect(now.values.get('ca.crt')).toBe(a.certificate);
  });

  test('keeps it however often it changes, until it is good again', () => {
    const bad = [{ 'tls.key': b.key }, { 'tls.key': 'hello' }, { 'tls.key': undefined }].map(change);
    const now = bad.reduce((last, texts) => secretContents(texts, last), before);
    expect(certificateInForce(now.certificate)).toEqual(A.certificate);
    const fixed = secretContents(new Map(tlsSecret(b)), now);
    expect(fixed.certificate).toMatchObject({ names: ['b.x'] });
    expect(fixed.values.get('tls.key')).toBe(b.key);
  });

  test('and never was good has nothing to keep', () => {
    const values = change({ 'tls.key': b.key });
    for (const last of [undefined, secretContents(values, undefined)]) {
      const now = secretContents(values, last);
      expect(certificateInForce(now.certificate)).toBeUndefined();
      expect(now.values.get('tls.key')).toBe(b.key);
    }
  });
});
