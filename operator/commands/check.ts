/** `webpool check FOLDER`: everything that is wrong in a folder, by file and line. */
import type { Finding } from '../api/finding.ts';
import { desiredAccounts } from '../mysql/desired.ts';
import { DEFAULT_DIALECT } from '../mysql/dialect.ts';
import type { AccountNeed } from '../topology/topology.ts';
import { count, oneLine } from '../status/text.ts';
import { readOffline, type Offline } from './offline.ts';

export interface CheckOptions {
  readonly output: 'text' | 'json';
  readonly out: (text: string) => void;
}

/** One thing that is wrong. */
interface Complaint {
  readonly file: string;
  readonly line: number;
  /** `WebPool default/blog`; absent for a document that is no object. */
  readonly object?: string;
  readonly path?: string;
  readonly condition: Finding['condition'];
  readonly reason: string;
  readonly message: string;
}

/** Prints all findings of a folder, sorted by file and line; exit code 1 when there are any. Errors: UsageError. */
export async function check(folder: string, { output, out }: CheckOptions): Promise<number> {
  const picture = await readOffline(folder);
  const complaints = complaintsOf(picture);
  out(output === 'json' ? `${JSON.stringify({ findings: complaints }, null, 2)}\n` : textOf(complaints, picture));
  return complaints.length === 0 ? 0 : 1;
}

function complaintsOf(picture: Offline): readonly Complaint[] {
  const { resources, topology } = picture;
  const refused = resources.held.flatMap(({ findings }) => findings);
  const conflicts = accountConflicts(topology.accounts);
  const all = [...resources.unnamed, ...refused, ...resources.findings, ...topology.findings, ...conflicts];
  const complaints = all.map((finding) => complaintOf(finding, picture));
  return complaints.sort((a, b) => compare(a.file, b.file) || a.line - b.line || compare(a.message, b.message));
}

/** Offline nobody knows the server's version, so only what any server would refuse is told. */
function accountConflicts(accounts: readonly AccountNeed[]): readonly Finding[] {
  return [...Map.groupBy(accounts, ({ server }) => server.id).values()].flatMap((needs) => {
    const hashes = new Map(needs.map(({ grant }) => [grant, 'unknown']));
    const { problems } = desiredAccounts({ needs, hashes, dialect: DEFAULT_DIALECT, adminUser: '' });
    return [...problems].flatMap(([key, { condition, reason, message }]): readonly Finding[] =>
      condition === 'Accepted' && reason === 'Conflicted'
        ? [{ object: { kind: 'DatabaseGrant', key }, condition, reason, message }]
        : [],
    );
  });
}

function complaintOf(finding: Finding, { find }: Offline): Complaint {
  const { object, path, condition, reason, message } = finding;
  const place = object === undefined ? undefined : find(object.kind, object.key, path);
  return {
    file: finding.file ?? place?.file ?? '-',
    line: finding.line ?? place?.line ?? 1,
    ...(object !== undefined && { object: `${object.kind} ${object.key}` }),
    ...(path !== undefined && { path }),
    condition,
    reason,
    message,
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function textOf(complaints: readonly Complaint[], { resources }: Offline): string {
  const lines = complaints.map(({ file, line, object, path, message }) => {
    const place = path === undefined || path === '' || message.includes(path) ? '' : `${path}: `;
    // A file may have any name, and a message may repeat any word of it.
    return `${oneLine(`${file}:${line}: ${object === undefined ? '' : `${object}: `}${place}${message}`, Infinity)}\n`;
  });
  const { pools, rules, grants, held } = resources;
  const fresh = held.filter(({ fallback }) => !fallback).length;
  const objects = pools.size + rules.size + grants.size + fresh;
  const summary =
    complaints.length === 0 ? `${count(objects, 'object')}, nothing wrong` : count(complaints.length, 'finding');
  return `${lines.join('')}${summary}\n`;
}
