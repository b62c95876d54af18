import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileSchemas } from '../../operator/api/compile-schema.ts';
import { createValidator } from '../../operator/api/validate.ts';
import { KINDS } from '../../operator/api/resources.ts';
import { compareText } from '../../operator/api/stable.ts';
import { CRDS } from '../support/crds.ts';
import { SAMPLES, sampleWith } from './sample.ts';

const validate = createValidator(compileSchemas(CRDS));

function told(document: object): readonly string[] {
  return validate('WebPool', document).map(({ path, message }) => `${path}: ${message}`);
}

/** What is told about the sample of a WebPool with one change. */
function toldOf(path: string, value: unknown): readonly string[] {
  return told({ spec: sampleWith('WebPool', { [path]: value }) });
}

describe('what is around spec', () => {
  const spec = SAMPLES.WebPool;

  test('may be all that kubectl get -o yaml shows', () => {
    const metadata = {
      name: 'a',
      namespace: 'b',
      uid: 'c',
      resourceVersion: '1',
      generation: 3,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { a: 'b' },
      annotations: { 'webpool.dev/allow-removal': '3' },
      finalizers: ['a'],
      ownerReferences: [{}],
      managedFields: [{}],
      deletionTimestamp: null,
    };
    expect(told({ apiVersion: 'webpool.dev/v1alpha1', kind: 'WebPool', metadata, spec, status: { any: 1 } })).toEqual(
      [],
    );
  });

  test.each([
    [{ spec, Spec: {} }, 'Spec: unknown field "Spec". Did you mean spec?'],
    [{ spec, metadata: { name: 'a', lables: {} } }, 'metadata.lables: unknown field "lables". Did you mean labels?'],
    [
      { spec, metadata: { annotations: { 'webpool.dev/allow-removal': 3 } } },
      'metadata.annotations["webpool.dev/allow-removal"]: must be a text, not 3, write it in quotes',
    ],
    [{ spec, metadata: { labels: ['a'] } }, 'metadata.labels: must be an object with fields, not a list'],
  ])('%#', (document, message) => {
    expect(told(document)).toEqual([message]);
  });

  test.each([
    [{}, 'undefined: field "spec" is missing'],
    [{ spec: null }, 'spec: has no value: give it an object with fields or remove the field'],
    [{ spec: [] }, 'spec: must be an object with fields, not a list'],
    [{ spec: 'a' }, 'spec: must be an object with fields, not "a"'],
  ])('without a usable spec: %j', (document, message) => {
    expect(told(document)).toEqual([expect.stringContaining(message)]);
  });
});

describe('a message says the way out', () => {
  test.each([
    ['spec.ports', 80, 'spec.ports: unknown field "ports". Did you mean port?'],
    ['spec.port', '80', 'spec.port: must be a whole number, not "80", write it without quotes'],
    ['spec.port', true, 'spec.port: must be a whole number, not true'],
    ['spec.port', null, 'spec.port: has no value: give it a whole number or remove the field'],
    ['spec.paused', 'true', 'spec.paused: must be true or false, not "true", write it without quotes'],
    ['spec.slowStart', 30, 'spec.slowStart: must be a text, not 30, write it in quotes'],
    [
      'spec.externalEndpoints[0].state',
      'drain',
      'spec.externalEndpoints[0].state: "drain" is not one of Active, Drain, Maintenance. Did you mean Drain?',
    ],
    ['spec.balance.algorithm', 'roundrobin', 'Did you mean RoundRobin?'],
    [
      'spec.externalEndpoints[0].name',
      'Web_01',
      '"Web_01" is not lower-case letters, digits and "-", with a letter or digit at both ends',
    ],
  ])('%s: %j', (path, value, message) => {
    expect(toldOf(path, value).join('\n')).toContain(message);
  });

  test('a value that would fill the screen or steer it is cut and escaped', () => {
    const [message = ''] = toldOf('spec.protocol', `\u001b[31m\u009b${'x'.repeat(10_000)}`);
    expect(message.length).toBeLessThan(200);
    expect(message).toContain('"\\u001b[31m\\u009bxxx');
  });
});

test('a password that stands where the name of its Secret belongs is not repeated', () => {
  const password = 'Hunter2!';
  for (const path of [
    'spec.passwordSecret',
    'spec.passwordSecret.name',
    'spec.passwordSecret.key',
    'spec.server.adminSecretName',
  ]) {
    const problems = validate('DatabaseGrant', { spec: sampleWith('DatabaseGrant', { [path]: password }) });
    expect(problems).toMatchObject([{ path, message: expect.stringMatching(/this text/) as string }]);
    expect(JSON.stringify(problems)).not.toContain(password);
  }
});

describe('all at once', () => {
  test('schema, texts and rules', () => {
    const spec = sampleWith('WebPool', {
      'spec.port': 0,
      'spec.balance.header': undefined,
      'spec.maintenancePage.body': 'a\0',
      'spec.qqq': 1,
      'spec.slowStart': '99h',
    });
    expect(
      validate('WebPool', { spec })
        .map(({ path = '' }) => path)
        .toSorted(compareText),
    ).toEqual(['spec.balance', 'spec.maintenancePage.body', 'spec.port', 'spec.qqq', 'spec.slowStart']);
  });

  test('of one place only what the schema says', () => {
    expect(toldOf('spec.externalEndpoints[0].address', 'a\0b')).toHaveLength(1);
  });

  test('in a RoutingRule with the rule that each concerns', () => {
    const spec = sampleWith('RoutingRule', {
      'spec.hostnames[0]': '1.2.3',
      'spec.rules[0].matches[0].path.value': 'blog',
      'spec.rules[1].respond.status': 204,
    });
    expect(validate('RoutingRule', { spec }).map(({ ruleIndex }) => ruleIndex)).toEqual([undefined, 0, 1]);
  });
});

describe('whatever is written', () => {
  test.each(KINDS)('%s: validation ends, and never throws', (kind) => {
    const paths = [
      ...new Set(
        JSON.stringify(SAMPLES[kind])
          .match(/"(\w+)":/g)
          ?.map((name) => name.slice(1, -2)),
      ),
    ];
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom(null, true, 0, 80, -1, 1.5, '', 'a', '10s', '/'),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('any'), { maxLength: 3 }),
      object: fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'toString', ...paths), tie('any'), {
        maxKeys: 6,
      }),
    })).any;
    fc.assert(
      fc.property(value, (spec) => {
        for (const { message } of validate(kind, { spec })) expect(message).toMatch(/^[^\p{Cc}]+$/u);
      }),
      { numRuns: 500 },
    );
  });

  test.each(KINDS)('%s: a sample with one part replaced by anything', (kind) => {
    const parts = [...JSON.stringify(SAMPLES[kind]).matchAll(/"\w+":/g)].length;
    fc.assert(
      fc.property(
        fc.nat({ max: parts - 1 }),
        fc.constantFrom(null, [], {}, '', 'a', 0, -1, true, [null], [[]], { name: null }),
        (at, value) => {
          let count = 0;
          const spec: unknown = JSON.parse(JSON.stringify(SAMPLES[kind]), (_, old: unknown) =>
            count++ === at ? value : old,
          );
          expect(() => validate(kind, { spec })).not.toThrow();
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a text of megabytes costs no time worth speaking of', () => {
    const huge = 'a-'.repeat(2_000_000);
    expect(toldOf('spec.externalEndpoints[0].address', huge)).toHaveLength(1);
    expect(toldOf('spec.healthCheck.path', huge).length).toBeGreaterThan(0);
  });
});

test('a kind that no CRD was given for is a mistake of the program', () => {
  expect(() => compileSchemas([])('WebPool')).toThrow('no CRD of kind WebPool');
});
