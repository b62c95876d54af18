/** From a place in a document to the line on which it is written. */
import {
  getScalarValue,
  parseEvents,
  EVENT_DOCUMENT,
  EVENT_MAPPING,
  EVENT_POP,
  EVENT_SCALAR,
  EVENT_SEQUENCE,
} from 'js-yaml';
import { parsePath, type Step } from '../api/field-path.ts';

type YamlEvent = ReturnType<typeof parseEvents>[number];

/** The line, from 1 within the document, of the field or entry at a path, or of the nearest one around it that is written. */
export type LineOf = (path: string) => number;

/** The lines of one document, which is read once for all of them. Errors: throws when it is no YAML. */
export function linesIn(text: string): LineOf {
  const root = treeOf(text);
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (path) => lineAt(starts, offsetOf(root, parsePath(path)));
}

/** A part of the document and where it begins; of a mapping, the parts by key. */
interface Node {
  readonly start: number;
  readonly fields?: ReadonlyMap<string, Field>;
  readonly entries?: readonly Node[];
}

interface Field {
  /** Where the key begins. */
  readonly start: number;
  readonly value: Node;
}

interface Walk {
  readonly text: string;
  readonly events: readonly YamlEvent[];
  at: number;
}

function treeOf(text: string): Node {
  const walk = { text, events: parseEvents(text, {}), at: 0 };
  while (walk.events[walk.at]?.type === EVENT_DOCUMENT) walk.at++;
  return readNode(walk);
}

function readNode(walk: Walk): Node {
  const event = walk.events[walk.at];
  const start = startOf(event);
  walk.at++;
  if (event?.type === EVENT_MAPPING) return { start, fields: readFields(walk) };
  if (event?.type === EVENT_SEQUENCE) return { start, entries: readEntries(walk) };
  return { start };
}

function readFields(walk: Walk): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  while (!isAtEnd(walk)) {
    const event = walk.events[walk.at];
    const key = readNode(walk);
    const value = readNode(walk);
    if (event?.type === EVENT_SCALAR) fields.set(getScalarValue(walk.text, event), { start: key.start, value });
  }
  walk.at++;
  return fields;
}

function readEntries(walk: Walk): readonly Node[] {
  const entries: Node[] = [];
  while (!isAtEnd(walk)) entries.push(readNode(walk));
  walk.at++;
  return entries;
}

function isAtEnd({ events, at }: Walk): boolean {
  const type = events[at]?.type;
  return type === undefined || type === EVENT_POP;
}

function startOf(event: YamlEvent | undefined): number {
  if (event === undefined) return 0;
  if ('valueStart' in event) return event.valueStart;
  if ('start' in event) return event.start;
  return 'anchorStart' in event ? event.anchorStart : 0;
}

function offsetOf(root: Node, steps: readonly Step[]): number {
  let node = root;
  let offset = root.start;
  for (const step of steps) {
    const field = node.fields?.get(String(step));
    const next = field?.value ?? (typeof step === 'number' ? node.entries?.[step] : undefined);
    if (next === undefined) break;
    offset = field?.start ?? next.start;
    node = next;
  }
  return offset;
}

/** The last line that begins at or before the offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}
