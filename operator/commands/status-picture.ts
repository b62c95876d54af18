import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { load } from 'js-yaml';
import type { DocumentOf, StatusDocument } from '../status/document.ts';
import { isReady, type InstanceStatus } from '../status/instance.ts';
import { readInstance, type InstanceFile } from './instance-files.ts';
import { wordsOf } from './words.ts';

/** Where the instance is looked for. */
export interface Whereabouts {
  /** Address of the instance, for example `http://127.0.0.1:9180`. */
  readonly url?: string;
  /** The folder that it runs; its address and its last statuses stand in `.status` there. Without both: this folder, else the usual address. */
  readonly folder?: string | undefined;
}

/** What can be shown: of a running instance everything, of files only the statuses. */
export interface Picture
  extends Omit<InstanceStatus, 'instance' | 'proxy'>, Partial<Pick<InstanceStatus, 'instance' | 'proxy'>> {
  /** Nobody runs it at the moment. */
  readonly lastKnown: boolean;
}

/** The picture, if there is one, and what kept us from a live one; empty when nothing did. */
export interface FoundPicture {
  readonly picture: Picture | undefined;
  readonly problem: string;
}

const TIMEOUT = 5_000;
/** Where `run` answers unless it is told otherwise. */
const USUAL = 'http://127.0.0.1:9180';

/** The state of the instance: asked from itself, else read from its files. */
export async function readPicture({ url, folder }: Whereabouts): Promise<FoundPicture> {
  if (url !== undefined) return pictureAt(url, undefined);
  const found = await instanceIn(folder ?? '.');
  if (found instanceof Error) {
    return { picture: undefined, problem: `Cannot look into ${folder ?? '.'}: ${wordsOf(found)}.` };
  }
  if (found !== undefined) return pictureOf(found, folder ?? '.');
  const here = await lastKnown(folder ?? '.', `No instance runs ${folder ?? '.'}. ${howToStart(folder)}`);
  return folder !== undefined || here.picture !== undefined ? here : pictureAt(USUAL, undefined);
}

async function pictureAt(address: string, folder: string | undefined): Promise<FoundPicture> {
  const answer = await ask(address);
  if (answer === 'Begins') return { picture: undefined, problem: `The instance at ${address} ${BEGINS}` };
  if (typeof answer !== 'string') return { picture: { ...answer, lastKnown: false }, problem: '' };
  return lastKnown(folder, `No instance answers at ${address}: ${answer}. ${howToStart(folder)}`);
}

/** An instance that was killed leaves its address behind, which another may have by now. */
async function pictureOf({ url, pid }: InstanceFile, folder: string): Promise<FoundPicture> {
  const found = await pictureAt(url, folder);
  const answers = found.picture?.instance;
  if (answers === undefined || answers.pid === pid || answers.folder === resolve(folder)) return found;
  const other = answers.folder === undefined ? 'another' : `that of ${answers.folder}`;
  return lastKnown(folder, `No instance runs ${folder}: at ${url} answers ${other}. ${howToStart(folder)}`);
}

function howToStart(folder = 'FOLDER'): string {
  return `Start one: webpool run ${folder}`;
}

/** What is written of the instance; an error when nobody lets us know. */
async function instanceIn(folder: string): Promise<InstanceFile | Error | undefined> {
  return readInstance(join(folder, '.status')).catch((error: Error) => error);
}

const BEGINS = 'has only begun and knows nothing yet: ask again, or look into its log.';

/** The status of the instance there, or why it could not be had; 'Begins' as long as it has none. */
async function ask(address: string): Promise<InstanceStatus | string> {
  try {
    const response = await fetch(new URL('/status', address), {
      signal: AbortSignal.timeout(TIMEOUT),
      redirect: 'error',
    });
    if (!response.ok) return `it answers ${response.status}`;
    const body: unknown = await response.json();
    if (isBeginning(body)) return 'Begins';
    return isInstanceStatus(body) ? body : 'what answers is no webpool instance';
  } catch (error) {
    return reasonOf(error);
  }
}

/** fetch hides the error of the connection in `cause`, several of them in an AggregateError. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0]);
  return cause instanceof Error ? cause.message : String(cause);
}

function isBeginning(body: unknown): boolean {
  const { instance, ready, pools } = (body ?? {}) as Partial<InstanceStatus>;
  return typeof instance?.pid === 'number' && ready === false && pools === undefined;
}

function isInstanceStatus(body: unknown): body is InstanceStatus {
  if (typeof body !== 'object' || body === null) return false;
  const lists = ['pools', 'rules', 'grants', 'servers', 'databases', 'errors'];
  return lists.every((list) => Array.isArray((body as Readonly<Record<string, unknown>>)[list]));
}

async function lastKnown(folder: string | undefined, problem: string): Promise<FoundPicture> {
  const documents = folder === undefined ? [] : await readDocuments(join(folder, '.status'));
  if (documents.length === 0) return { picture: undefined, problem };
  const rows = <K extends StatusDocument['kind']>(kind: K) =>
    documents
      .filter((document) => document.kind === kind)
      .map((document) => ({ ...document.metadata, status: (document as unknown as DocumentOf<K>).status }));
  const picture: Picture = {
    lastKnown: true,
    ready: documents.every((document) => isReady(document.status)),
    pools: rows('WebPool'),
    rules: rows('RoutingRule'),
    grants: rows('DatabaseGrant'),
    servers: [],
    databases: [],
    errors: [],
  };
  return { picture, problem: `${problem}\nWhat stands above is the last known state.` };
}

async function readDocuments(folder: string): Promise<readonly StatusDocument[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => /^[a-z]+\..+\.yaml$/.test(name) && !name.startsWith('errors.')).sort();
  const documents = await Promise.all(files.map((name) => readDocument(join(folder, name))));
  return documents.filter((document) => document !== undefined);
}

async function readDocument(path: string): Promise<StatusDocument | undefined> {
  try {
    const document = load(await readFile(path, 'utf8'));
    return isDocument(document) ? document : undefined;
  } catch {
    return undefined;
  }
}

function isDocument(value: unknown): value is StatusDocument {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, metadata, status } = value as Readonly<Record<string, unknown>>;
  if (typeof kind !== 'string' || typeof metadata !== 'object' || typeof status !== 'object' || status === null)
    return false;
  const { namespace, name } = (metadata ?? {}) as Readonly<Record<string, unknown>>;
  return typeof namespace === 'string' && typeof name === 'string';
}
