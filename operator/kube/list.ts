import { MalformedAnswerError } from './api-error.ts';
import { pathOf, type KubeObject, type ResourceType } from './resource.ts';
import type { Transport } from './transport.ts';

/** What is listed and watched. */
export interface Selection {
  readonly type: ResourceType;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ListOptions extends Selection {
  readonly transport: Transport;
  /** Objects a page; 0 = all in one. */
  readonly pageSize: number;
  readonly signal: AbortSignal;
  /** Called with each object, so that a large list is never in memory as a whole. */
  readonly each: (object: KubeObject) => void;
}

/**
 * Lists a selection page by page and returns the version of the whole.
 * Errors: ApiError (410 when it took so long that the server forgot where it was), MalformedAnswerError for what is no list: an answer
 * that cannot be understood must never look like an empty one.
 */
export async function listAll(options: ListOptions): Promise<string> {
  const { transport, type, namespace, pageSize, signal, each } = options;
  const path = pathOf(type, namespace === undefined ? {} : { namespace });
  let token: string | undefined;
  let version: string | undefined;
  do {
    const query = {
      ...selectorsOf(options),
      ...(pageSize > 0 && { limit: `${pageSize}` }),
      ...(token && { continue: token }),
    };
    const page = pageOf(await transport.request({ method: 'GET', path, query, signal }), path);
    // All pages show the state at the version of the first.
    version ??= page.version;
    token = page.next;
    for (const object of page.items) each(object);
  } while (token !== undefined);
  return version;
}

/** The selectors of a selection as query parameters. */
export function selectorsOf({ labelSelector, fieldSelector }: Selection): Readonly<Record<string, string>> {
  return {
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

interface Page {
  readonly items: readonly KubeObject[];
  readonly version: string;
  readonly next: string | undefined;
}

function pageOf(answer: unknown, path: string): Page {
  if (!isList(answer)) {
    throw new MalformedAnswerError(`GET ${path}: the answer is no list: ${JSON.stringify(answer).slice(0, 200)}`);
  }
  const { resourceVersion: version, continue: next = '' } = answer.metadata;
  const items = answer.items ?? [];
  for (const object of items) checkObject(object, path);
  return { items, version, next: next === '' ? undefined : next };
}

interface List {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly KubeObject[] | null;
}

function isList(answer: unknown): answer is List {
  const { kind, metadata, items } = (answer ?? {}) as { readonly kind?: unknown } & Partial<List>;
  if (typeof kind !== 'string' || !kind.endsWith('List')) return false;
  const version = metadata?.resourceVersion;
  return typeof version === 'string' && version !== '' && (Array.isArray(items) || items === null);
}

/** Errors: MalformedAnswerError when the object has no identity. */
export function checkObject(object: KubeObject, where: string): void {
  const { name, uid, resourceVersion } = object?.metadata ?? {};
  if (typeof name === 'string' && typeof uid === 'string' && typeof resourceVersion === 'string') return;
  throw new MalformedAnswerError(`${where}: an object without name, uid or resourceVersion`);
}
