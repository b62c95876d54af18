/** The text of a file → the objects in it, each with the line on which it stands. */
import type { Problem } from '../api/problem.ts';
import type { Validate } from '../api/validate.ts';
import { itemsOf, type Item } from './items.ts';
import { linesIn, type LineOf } from './position.ts';
import { loadDocument, splitDocuments } from './yaml-documents.ts';

/** One document of a file. Equal texts of two looks give the same items. */
export interface FileDocument {
  readonly text: string;
  /** Line of the file on which it begins, from 1. */
  readonly firstLine: number;
  readonly items: readonly Item[];
}

/** The documents of a file; those of `previous` are not read again where their text is the same. */
export function readDocuments(
  text: string,
  validate: Validate,
  previous: readonly FileDocument[] = [],
): readonly FileDocument[] {
  const known = new Map(previous.map((document) => [document.text, document]));
  return splitDocuments(text).map(({ text: own, firstLine }) => {
    const before = known.get(own);
    if (before?.firstLine === firstLine) return before;
    return { text: own, firstLine, items: before?.items ?? readItems(own, validate) };
  });
}

function readItems(text: string, validate: Validate): readonly Item[] {
  const loaded = loadDocument(text);
  if (loaded.type === 'Empty') return [];
  if (loaded.type === 'Value') return itemsOf(loaded.value, validate);
  const problem = { reason: 'InvalidSpec', message: `is no YAML: ${loaded.message}`, line: loaded.line } as const;
  return [{ base: '', type: 'Unnamed', problem }];
}

/** The problem with its place in the file. */
export function locate(found: Problem, base: string, { file, document }: Place): Problem {
  return { ...found, file, line: lineInFile(document, found.line ?? pathIn(base, found.path)) };
}

/** Where a document stands. */
export interface Place {
  readonly file: string;
  readonly document: FileDocument;
}

/** The line of the file for a line of the document or for a place in it, `items[2].spec.port` for example. */
export function lineInFile({ text, firstLine }: FileDocument, at: number | string): number {
  return firstLine - 1 + (typeof at === 'number' ? at : linesOf(text)(at));
}

const linesOf = createLines();

/** The lines of a document are asked for many times in a row. */
function createLines(): (text: string) => LineOf {
  let last: { readonly text: string; readonly lineOf: LineOf } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, lineOf: linesIn(text) };
    return last.lineOf;
  };
}

/** A path within an object of a List as a path within the document. */
export function pathIn(base: string, path = ''): string {
  return base === '' || path === '' ? `${base}${path}` : `${base}.${path}`;
}
