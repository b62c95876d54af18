/** What a field may hold, in the words of the tests: from each bound the values just beyond it and just within. */
import type { Problem } from '../../operator/api/problem.ts';
import type { Changes } from './sample.ts';

/** A change of the sample that must be refused. */
export interface Bad {
  readonly changes: Changes;
  /** Where the problem must be told. */
  readonly path: string;
  /** Part of the message; empty where any will do. */
  readonly message: string;
  readonly reason?: Problem['reason'];
  readonly layer?: Layer;
  /** Problems at other places are expected too. */
  readonly among?: true;
}

/**
 * Who refuses. Schema: the CRD, so an API server does as well. Strict: an API server only when asked for strict field
 * validation. Rules: our code, and the CEL of the CRD where there is one.
 */
export type Layer = 'Schema' | 'Strict' | 'Rules';

/** What is just beyond and just within a bound. */
export interface Bound {
  readonly bad: readonly Bad[];
  readonly good: readonly Changes[];
}

/** A whole number within bounds. */
export function whole(path: string, [least, most]: readonly [number, number]): Bound {
  const range = `is out of range: ${least} to ${most}`;
  return {
    bad: [
      bad(path, least - 1, `${least - 1} ${range}`),
      bad(path, most + 1, `${most + 1} ${range}`),
      bad(path, least + 0.5, `must be a whole number, not ${least + 0.5}`),
      bad(path, String(most), 'write it without quotes'),
    ],
    good: [{ [path]: least }, { [path]: most }],
  };
}

/** One of a few words. */
export function choice(path: string, allowed: readonly (string | number)[], good: readonly unknown[] = allowed): Bound {
  const wrong = typeof allowed[0] === 'number' ? 418 : 'Other';
  const told = `${JSON.stringify(wrong)} is not one of ${allowed.join(', ')}.`;
  return {
    bad: [{ ...bad(path, wrong, told), reason: 'UnsupportedValue' }],
    good: good.map((value) => ({ [path]: value })),
  };
}

interface TextBound {
  readonly most: number;
  readonly least?: number;
  /** A good text of that length. */
  readonly fill?: (length: number) => string;
  /** Texts of another form. */
  readonly wrong?: readonly string[];
  /** The value is not repeated: it may be a secret. */
  readonly hidden?: true;
  /** What the message calls the form. */
  readonly form?: string;
}

/** A text of some length and form. */
export function text(
  path: string,
  { most, least = 1, fill = letters, wrong = [], form = '', hidden }: TextBound,
): Bound {
  const short = `is too short: at least ${least} character`;
  return {
    bad: [
      ...(least > 0 ? [bad(path, fill(least - 1), short)] : []),
      bad(path, fill(most + 1), `is too long: ${most + 1} characters, at most ${most}`),
      ...wrong.map((value) =>
        bad(path, value, `${hidden === true ? 'this text' : JSON.stringify(value)} is not ${form}`),
      ),
    ],
    good: [{ [path]: fill(most) }, ...(least > 0 ? [{ [path]: fill(least) }] : [{ [path]: '' }])],
  };
}

/** `length` letters. */
export function letters(length: number): string {
  return 'a'.repeat(length);
}

/** A DNS name of that length: labels of up to 60 letters. */
export function dotted(length: number): string {
  return Array.from({ length }, (_, index) => (index % 61 === 60 && index < length - 1 ? '.' : 'a')).join('');
}

interface ListBound {
  readonly most: number;
  readonly least?: 1;
  readonly entry: (index: number) => unknown;
  /** What makes entries equal. Map: their name. */
  readonly type: 'Set' | 'Map' | 'Any';
  /** There are not enough different entries to go beyond `most`. */
  readonly unreachable?: true;
}

/** A list of some length without equal entries. */
export function list(path: string, { most, least, entry, type, unreachable }: ListBound): Bound {
  const tooMany = Array.from({ length: most + 1 }, (_, index) => entry(index));
  const long = bad(path, tooMany, `has ${most + 1} entries, at most ${most}`);
  return {
    bad: [
      ...(least === undefined ? [] : [bad(path, [], 'needs at least 1 entry')]),
      unreachable === undefined ? long : { ...long, among: true },
      ...twins(path, type, entry(0)),
    ],
    good: unreachable === undefined ? [{ [path]: tooMany.slice(1) }] : [],
  };
}

function twins(path: string, type: ListBound['type'], entry: unknown): readonly Bad[] {
  const changes = { [path]: [entry, entry] };
  if (type === 'Set') return [{ changes, path: `${path}[1]`, message: 'stands twice in the list' }];
  if (type === 'Map') return [{ changes, path: `${path}[1].name`, message: 'is already the name of entry [0]' }];
  return [];
}

/** Fields that an object must have. */
export function required(path: string, fields: readonly string[]): Bound {
  const missing = (field: string): Bad => ({
    changes: { [`${path}.${field}`]: undefined },
    path,
    message: `field "${field}" is missing`,
  });
  return { bad: fields.map(missing), good: [] };
}

/** A duration; which ones are too short or too long is a matter of the rules. */
export function duration(
  path: string,
  [shortest, longest]: readonly [string, string],
  beyond: readonly string[],
): Bound {
  const wrong = ['10', '1.5s', '-1s', '1 s', '1d', '10S', 's', '1h1h1h1h1h', '100000s'];
  const form = text(path, { most: 24, least: 0, fill: (length) => '1'.repeat(Math.max(0, length - 1)) + 's' });
  return {
    bad: [
      ...form.bad.map((entry): Bad => ({ ...entry, message: 'is too long' })),
      ...wrong.map((value) => bad(path, value, `"${value}" is not a duration such as 500ms, 10s or 1h30m`)),
      ...beyond.map((value): Bad => ({
        ...bad(path, value, `"${value}" is out of range: ${shortest} to ${longest}`),
        layer: 'Rules',
      })),
    ],
    good: [{ [path]: shortest }, { [path]: longest }],
  };
}

/** A bound of a field that stands in the sample only after these changes. */
export function within(changes: Changes, bound: Bound): Bound {
  return {
    bad: bound.bad.map((entry): Bad => ({ ...entry, changes: { ...changes, ...entry.changes } })),
    good: bound.good.map((own) => ({ ...changes, ...own })),
  };
}

/** One value that is refused at its own place. */
export function bad(path: string, value: unknown, message: string): Bad {
  return { changes: { [path]: value }, path, message };
}

/** Refused by the rules, at the place of the first change unless `path` says another. */
export function ruled(changes: Changes, message: string, more: Partial<Pick<Bad, 'path' | 'reason'>> = {}): Bad {
  return { changes, path: Object.keys(changes)[0] ?? '', message, layer: 'Rules', ...more };
}
