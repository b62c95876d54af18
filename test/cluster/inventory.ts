import type { ControlPlane } from './control-plane.ts';

/** Come and go by themselves. */
const RESTLESS = /^(?:events\b|leases\b|endpoints$|apiservices\b|.*\.metrics\b)/;
const COLUMNS = 'custom-columns=KIND:.kind,NAMESPACE:.metadata.namespace,NAME:.metadata.name';

/** Every object of a cluster, one a line: kind, namespace, name. */
export async function inventory({ kubectl }: Pick<ControlPlane, 'kubectl'>): Promise<ReadonlySet<string>> {
  const names = (await kubectl(['api-resources', '--verbs=list', '-o', 'name'])).trim().split('\n');
  const resources = names.filter((name) => !RESTLESS.test(name));
  const text = await kubectl([
    'get',
    resources.join(','),
    '--all-namespaces',
    '--no-headers',
    '--ignore-not-found',
    '-o',
    COLUMNS,
  ]);
  return new Set(
    text
      .trim()
      .split('\n')
      .map((line) => line.replaceAll(/ +/g, ' ')),
  );
}

/** What the second inventory has and the first has not. */
export function added(before: ReadonlySet<string>, after: ReadonlySet<string>): readonly string[] {
  return [...after].filter((object) => !before.has(object)).toSorted();
}
