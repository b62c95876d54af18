/** The text of a file → its YAML documents, each by itself: an error in one does not touch the others. */
import { load, YAMLException } from 'js-yaml';

/** The text of one document and the line of the file on which it begins. */
export interface DocumentText {
  readonly text: string;
  readonly firstLine: number;
}

/** What one document says; lines count from 1 within the document. */
export type LoadedDocument =
  | { readonly type: 'Empty' }
  | { readonly type: 'Value'; readonly value: unknown }
  | { readonly type: 'Error'; readonly message: string; readonly line: number };

/** `---` in the first column, and what stands behind a line `...`. */
const BOUNDARY = /^---(?=\s|$)|(?<=^\.\.\.[^\S\n]*\n)/gm;
const ALIAS = /(?:^|[\s[{,:-])\*\S/m;
const LARGEST = 100_000;

/** The documents of a file. Source: YAML 1.2 §9.1: `---` in the first column begins one wherever it stands, `...` ends one. */
export function splitDocuments(text: string): readonly DocumentText[] {
  const starts = [0, ...[...text.matchAll(BOUNDARY)].map(({ index }) => index)];
  const documents: DocumentText[] = [];
  let line = 1;
  let directives = '';
  for (const [index, start] of starts.entries()) {
    const chunk = text.slice(start, starts[index + 1] ?? text.length);
    const firstLine = line - countLines(directives);
    line += countLines(chunk);
    // `%YAML 1.2` belongs to the document behind the next separator.
    if (/^%/m.test(chunk) && !chunk.startsWith('---') && isDirectives(chunk)) directives = chunk;
    else {
      if (chunk !== '') documents.push({ text: directives + chunk, firstLine });
      directives = '';
    }
  }
  return documents;
}

function isDirectives(chunk: string): boolean {
  return chunk.split('\n').every((line) => /^(?:%|\s*#|\s*$|\ufeff)/.test(line));
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

/** What a document says. Repeated keys are errors, and so are anchors that make it endless or huge. */
export function loadDocument(text: string): LoadedDocument {
  try {
    const value = load(text);
    if (value === null || value === undefined) return { type: 'Empty' };
    return ALIAS.test(text) ? plainTree(value) : { type: 'Value', value };
  } catch (error) {
    return isEmptyError(error) ? { type: 'Empty' } : { type: 'Error', ...describe(error) };
  }
}

function isEmptyError(error: unknown): boolean {
  return error instanceof YAMLException && error.mark === undefined && /input is empty/.test(error.reason);
}

function describe(error: unknown): { readonly message: string; readonly line: number } {
  if (error instanceof YAMLException) return { message: reasonOf(error), line: (error.mark?.line ?? 0) + 1 };
  return { message: error instanceof Error ? error.message : String(error), line: 1 };
}

/** Words of the document itself may be a password that was not put in quotes, so none is repeated. */
function reasonOf({ reason }: YAMLException): string {
  if (/\balias "/.test(reason)) return 'unknown alias: a text that begins with * has to be in quotes';
  return /\btag\b/.test(reason)
    ? 'a tag that means nothing here: a text that begins with ! has to be in quotes'
    : reason;
}

/** The value without shared parts: an anchor may stand for itself, or ten times for ten times itself. */
function plainTree(value: unknown): LoadedDocument {
  if (countNodes(value, { nodes: 0 }, 0)) return { type: 'Value', value: structuredCloneOf(value) };
  return { type: 'Error', message: 'anchors make the document endless or too big: write the parts out', line: 1 };
}

function countNodes(value: unknown, count: { nodes: number }, depth: number): boolean {
  if (++count.nodes > LARGEST || depth > 100) return false;
  if (typeof value !== 'object' || value === null) return true;
  return Object.values(value).every((part) => countNodes(part, count, depth + 1));
}

function structuredCloneOf(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
