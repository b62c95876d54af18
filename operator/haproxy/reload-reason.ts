import type { ReloadReason } from './proxy.ts';

/** Why a running skeleton has to give way to another: the greatest difference between them. */
export function reloadReason(running: string, wanted: string): ReloadReason {
  const before = sections(running);
  const after = sections(wanted);
  if (!sameKeys(before, after, 'frontend ')) return 'listeners';
  if (!sameKeys(before, after, 'backend ')) return 'pools';
  const changed = [...after.keys()].filter(
    (head) => before.get(head) !== after.get(head) && !head.startsWith('global'),
  );
  const all = (kind: string) => changed.length > 0 && changed.every((head) => head.startsWith(kind));
  if (all('peers ')) return 'peers';
  if (all('frontend ')) return 'listeners';
  return all('backend ') ? 'pool-options' : 'settings';
}

function sections(skeleton: string): ReadonlyMap<string, string> {
  return new Map(skeleton.split('\n\n').map((text) => [text.split('\n', 1)[0] ?? '', text]));
}

function sameKeys(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>, prefix: string): boolean {
  const keys = (map: ReadonlyMap<string, string>) => [...map.keys()].filter((key) => key.startsWith(prefix)).join('\n');
  return keys(one) === keys(other);
}
