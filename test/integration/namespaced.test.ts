/** The variant for some namespaces, on a real API server: everything there, nothing elsewhere. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';

const FOLDER = new URL('../../manifests/namespaced/', import.meta.url).pathname;

describeWhere('the manifests for some namespaces', await missingPrograms(programsOf({})), () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await plane.kubectl(['create', 'namespace', 'shop']);
    await plane.kubectl(['apply', '-k', FOLDER]);
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  test.each([
    ['operator', 'secrets', 'get'],
    ['operator', 'databasegrants.webpool.dev', 'watch'],
    ['operator', 'endpointslices.discovery.k8s.io', 'create'],
    ['operator', 'events.events.k8s.io', 'create'],
    ['agent', 'routingrules.webpool.dev', 'watch'],
    ['agent', 'endpointslices.discovery.k8s.io', 'list'],
  ])('the %s may in shop, and nowhere else: %s %s', async (account, resource, verb) => {
    const may = async (namespace: string) => {
      const who = `system:serviceaccount:webpool-system:webpool-${account}`;
      const question = ['auth', 'can-i', verb, resource, '-n', namespace, '--as', who];
      return (await plane.kubectl(question).catch((error: unknown) => String(error))).startsWith('yes');
    };
    expect([await may('shop'), await may('default')]).toEqual([true, false]);
  });

  test('the settings name the same namespaces', async () => {
    const maps = await plane.kubectl(['get', 'configmaps', '-n', 'webpool-system', '-o', 'jsonpath={.items[*].data}']);
    expect(maps).toContain('watchNamespaces: [shop]');
  });
});
