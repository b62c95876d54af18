/**
 * The CRDs on a real API server that speaks as Kubernetes 1.31 does: they fit into its limits, and they give the verdicts of the code.
 */
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Kind } from '../../operator/api/resources.ts';
import { BAD_OBJECTS, GOOD_OBJECTS } from '../api/bad-objects.ts';
import { ACCEPTED, REFUSED } from '../api/variations.ts';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';
import { CRD_FILES } from '../support/crds.ts';

const FOLDER = new URL('../../crds/', import.meta.url);
const PLURALS: Readonly<Record<Kind, string>> = {
  WebPool: 'webpools',
  RoutingRule: 'routingrules',
  DatabaseGrant: 'databasegrants',
};

/** The oldest Kubernetes that we support, whose CEL has the fewest functions. An API server of one's own speaks as what it is. */
const OLDEST = process.env['KUBEBUILDER_ASSETS'] === undefined ? ['--emulated-version=1.31'] : [];

/** Variations whose mistake a CRD cannot say, for the reasons given in `bad-objects.ts`: label keys and pairs of endpoints. */
const BEYOND = /^WebPool spec\.(?:selector\.matchLabels|externalEndpoints): (?:\{|\[\{.*\},\{)/;
const isBeyond = ({ name, layer }: (typeof REFUSED)[number]) => layer === 'Rules' && BEYOND.test(name);

/** Objects in flight, and milliseconds for all of them on a slow, busy machine. */
const PARALLEL = 16;
const PATIENCE = 10 * 60_000;

interface Written {
  readonly name: string;
  readonly kind: Kind;
  readonly spec: unknown;
}

describeWhere('the CRDs on an API server', await missingPrograms(programsOf({})), () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ apiServerOptions: OLDEST });
    await plane.installKinds();
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  /** What the API server says to an object; empty when it would take it. Nothing is kept. */
  const verdictOn = async ({ kind, spec }: Omit<Written, 'name'>, name = 'sample'): Promise<string> => {
    const path = `/apis/webpool.dev/v1alpha1/namespaces/default/${PLURALS[kind]}?dryRun=All&fieldValidation=Strict`;
    const body = { apiVersion: 'webpool.dev/v1alpha1', kind, metadata: { name }, spec };
    const { status, body: answer } = await plane.client.request<{ message?: string }>('POST', path, { body });
    return status === 201 ? '' : `${status} ${answer.message}`;
  };

  /** What is wrong with the verdict on one object; undefined when it is as wanted. */
  const misjudgement = async (object: Written, wanted: 'Taken' | 'Refused'): Promise<string | undefined> => {
    const verdict = await verdictOn(object);
    const refused = /^422 |^400 .*(strict decoding|unknown field|in body)/.test(verdict);
    const right = wanted === 'Taken' ? verdict === '' : refused;
    return right ? undefined : `${object.name}: ${verdict}`.slice(0, 400);
  };

  /** Those of `objects` on which the API server has another opinion. */
  const misjudged = async (objects: readonly Written[], wanted: 'Taken' | 'Refused') => {
    const wrong: (string | undefined)[] = [];
    for (let at = 0; at < objects.length; at += PARALLEL) {
      const some = objects.slice(at, at + PARALLEL);
      wrong.push(...(await Promise.all(some.map((object) => misjudgement(object, wanted)))));
    }
    return wrong.filter((verdict) => verdict !== undefined);
  };

  test.each(CRD_FILES)(
    '%s is small enough for client-side apply, and a second apply of any kind changes nothing',
    async (file) => {
      const path = new URL(file, FOLDER).pathname;
      expect(statSync(path).size).toBeLessThan(200_000);
      const name = `${file.replace('.yaml', '')}.webpool.dev`;
      const version = () => plane.kubectl(['get', 'crd', name, '-o', 'jsonpath={.metadata.generation}']);
      const before = await version();
      await plane.kubectl(['apply', '-f', path]);
      await plane.kubectl([
        'apply',
        '--server-side',
        '--force-conflicts',
        '--field-manager=kubectl-client-side-apply',
        '-f',
        path,
      ]);
      expect(await version()).toBe(before);
    },
  );

  describe('refuse what the code refuses', () => {
    test.each(BAD_OBJECTS.filter(({ beyondCrd }) => beyondCrd === undefined))('$kind: $name', async (object) => {
      expect(await misjudged([object], 'Refused')).toEqual([]);
    });

    test('every value just beyond a bound', { timeout: PATIENCE }, async () => {
      expect(
        await misjudged(
          REFUSED.filter((object) => !isBeyond(object)),
          'Refused',
        ),
      ).toEqual([]);
    });
  });

  describe('take what the code takes', () => {
    test.each(GOOD_OBJECTS)('$kind: $name', async (object) => {
      expect(await misjudged([object], 'Taken')).toEqual([]);
    });

    test('every value just within a bound', { timeout: PATIENCE }, async () => {
      expect(await misjudged(ACCEPTED, 'Taken')).toEqual([]);
    });
  });

  test.each(BAD_OBJECTS.filter(({ beyondCrd }) => beyondCrd !== undefined))(
    'leave it to status where a CRD cannot say it: $name',
    async (object) => {
      expect(await misjudged([object], 'Taken')).toEqual([]);
    },
  );

  test('leave to status only those variations that a CRD cannot say', async () => {
    const beyond = REFUSED.filter(isBeyond);
    expect(beyond.length).toBeGreaterThan(5);
    expect(await misjudged(beyond, 'Taken')).toEqual([]);
  });

  test.each(['2blog', 'blog.example', 'a'.repeat(64)])('a pool cannot be called %s', async (name) => {
    expect(await verdictOn({ kind: 'WebPool', spec: {} }, name)).toMatch(/^422 .*metadata\.name/);
  });
});
