/** Samples on a real API server: taken strictly, and applied in any of the three ways again they change nothing. */
import { readFileSync } from 'node:fs';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { programsOf, startControlPlane, type ControlPlane } from '../cluster/control-plane.ts';
import { BUILD_TIMEOUT, missingPrograms } from '../cluster/programs.ts';
import { describeWhere } from '../support/announce.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const FILES = ['manifests/samples/quickstart.yaml', 'examples/story', 'examples/minimal'].map(
  (path) => `${ROOT}${path}`,
);
const OPTIONS = { controllers: true } as const;

interface Item {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly generation: number };
  readonly spec?: unknown;
}

describeWhere('samples on an API server', await missingPrograms(programsOf(OPTIONS)), () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane(OPTIONS);
    await plane.installKinds();
  }, BUILD_TIMEOUT);
  afterAll(() => plane?.stop());

  /** Each file has a namespace of its own, if it names none. */
  const kubectl = async (file: string, ...args: readonly string[]): Promise<string> => {
    const namespace = file.includes('quickstart') ? [] : ['-n', file.split('/').at(-1) ?? ''];
    return plane.kubectl([...args, ...namespace, '-f', file]);
  };
  const ours = async (file: string): Promise<readonly Item[]> => {
    const answer = await kubectl(file, 'get', '-o', 'json');
    const parsed = JSON.parse(answer) as Item & { readonly items?: readonly Item[] };
    return (parsed.items ?? [parsed]).filter(({ apiVersion }) => apiVersion.startsWith('webpool.dev/'));
  };
  const versions = async (file: string) =>
    (await ours(file)).map(({ kind, metadata: { name, generation } }) => `${kind} ${name} ${generation}`);

  test.each(FILES)('%s', async (file) => {
    if (!file.includes('quickstart')) await plane.kubectl(['create', 'namespace', file.split('/').at(-1) ?? '']);
    await kubectl(file, 'apply', '--validate=strict');
    const first = await versions(file);
    expect(first.length).toBeGreaterThan(1);
    expect(first.filter((version) => !version.endsWith(' 1'))).toEqual([]);
    const again = await kubectl(file, 'apply', '--validate=strict');
    // kubectl finds a difference in every Secret with stringData, because nobody can read that field back.
    const changed = again.split('\n').filter((line) => line !== '' && !line.endsWith(' unchanged'));
    expect(changed.filter((line) => !line.startsWith('secret/'))).toEqual([]);
    await kubectl(file, 'apply', '--server-side', '--force-conflicts', '--validate=strict');
    expect(await versions(file)).toEqual(first);
    // Only ours: Kubernetes lets nobody replace a Pod.
    for (const { apiVersion, kind, metadata, spec } of await ours(file)) {
      const { name, namespace } = metadata;
      const input = JSON.stringify({ apiVersion, kind, metadata: { name, namespace }, spec });
      await plane.kubectl(['replace', '-f', '-'], { input });
    }
    expect(await versions(file)).toEqual(first);
  });

  test('what is stored is what was written', async () => {
    const file = FILES[0] ?? '';
    const written = (loadAll(readFileSync(file, 'utf8')) as readonly Item[]).filter(({ apiVersion }) =>
      apiVersion.startsWith('webpool.dev/'),
    );
    const stored = await ours(file);
    expect(stored.map(({ spec }) => spec)).toEqual(written.map(({ spec }) => spec));
  });

  test('the account name of a grant cannot be changed afterwards', async () => {
    const spec = {
      server: { host: 'db01', adminSecretName: 'admin' },
      username: 'app',
      passwordSecret: { name: 'app', key: 'password' },
      hosts: ['web01'],
      grants: [{ schema: 'site', privileges: ['SELECT'] }],
    };
    const body = { apiVersion: 'webpool.dev/v1alpha1', kind: 'DatabaseGrant', metadata: { name: 'fixed' }, spec };
    await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(body) });
    const patch = (fields: object) =>
      plane.kubectl(['patch', 'databasegrant', 'fixed', '--type=merge', '-p', JSON.stringify({ spec: fields })]);
    await expect(patch({ username: 'other' })).rejects.toThrow('is immutable');
    await patch({ hosts: ['web02'], server: { host: 'db02' } });
  });
});
