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

/** The line, from 1 within the document, of the field or entry at `path`, or of the nearest one around it that is written. */
export function lineOf(text: string, path: string): number {
  const walk = { text, events: parseEvents(text, {}), at: 0 };
  skipDocumentStart(walk);
  return lineAt(text, descend(walk, parsePath(path)));
}

interface Walk {
  readonly text: string;
  readonly events: readonly YamlEvent[];
  at: number;
}

function skipDocumentStart(walk: Walk): void {
  while (walk.events[walk.at]?.type === EVENT_DOCUMENT) walk.at++;
}

/** The offset of what the steps lead to, beginning with the node at `walk.at`. */
function descend(walk: Walk, steps: readonly Step[]): number {
  let offset = startOf(walk.events[walk.at]);
  for (const step of steps) {
    const next = enter(walk, step);
    if (next === undefined) return offset;
    offset = next;
  }
  return offset;
}

/** Moves to the part of the node and returns the offset of its key or of itself; undefined when there is none. */
function enter(walk: Walk, step: Step): number | undefined {
  const node = walk.events[walk.at];
  walk.at++;
  if (node?.type === EVENT_MAPPING) return enterMapping(walk, String(step));
  if (node?.type === EVENT_SEQUENCE && typeof step === 'number') return enterSequence(walk, step);
  return undefined;
}

function enterMapping(walk: Walk, name: string): number | undefined {
  for (let key = walk.events[walk.at]; key !== undefined && key.type !== EVENT_POP; key = walk.events[walk.at]) {
    const found = key.type === EVENT_SCALAR && getScalarValue(walk.text, key) === name;
    skipNode(walk);
    if (found) return startOf(key);
    skipNode(walk);
  }
  return undefined;
}

function enterSequence(walk: Walk, index: number): number | undefined {
  for (let left = index; left > 0; left--) {
    if (walk.events[walk.at]?.type === EVENT_POP) return undefined;
    skipNode(walk);
  }
  const entry = walk.events[walk.at];
  return entry === undefined || entry.type === EVENT_POP ? undefined : startOf(entry);
}

function skipNode(walk: Walk): void {
  let depth = 0;
  do {
    const type = walk.events[walk.at]?.type;
    walk.at++;
    if (type === EVENT_MAPPING || type === EVENT_SEQUENCE) depth++;
    else if (type === EVENT_POP || type === undefined) depth--;
  } while (depth > 0);
}

function startOf(event: YamlEvent | undefined): number {
  if (event === undefined) return 0;
  if ('valueStart' in event) return event.valueStart;
  if ('start' in event) return event.start;
  return 'anchorStart' in event ? event.anchorStart : 0;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, Math.max(0, offset)).split('\n').length;
}
