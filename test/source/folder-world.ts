/** A folder of its own for each test, and sources on it one after the other, as processes come and go. */
import { mkdir, mkdtemp, readFile, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { load } from 'js-yaml';
import { onTestFinished } from 'vitest';
import type { Key, Kind, Resources } from '../../operator/api/resources.ts';
import { createFolderSource, type FolderSource } from '../../operator/source/folder.ts';
import { eventually } from '../support/wait.ts';
import type { AnyStatus, StatusDocument } from '../../operator/status/document.ts';

export interface Folder {
  readonly path: string;
  /** Writes a file as if its writer had finished long ago. */
  readonly write: (name: string, text: string) => Promise<void>;
  readonly remove: (name: string) => Promise<void>;
  /** The picture after everything that was written so far. */
  readonly read: (source: FolderSource) => Promise<Resources>;
  /** A new process. */
  readonly open: () => Promise<FolderSource>;
  /** File name in `.status` → what it says. */
  readonly statuses: () => Promise<ReadonlyMap<string, StatusFile>>;
  /** Every text below the folder that we wrote. */
  readonly written: () => Promise<string>;
}

export interface StatusFile {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string; readonly generation: number };
  readonly status: AnyStatus;
}

export async function folder(files: Readonly<Record<string, string>> = {}): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'webpool-source-'));
  const status = join(path, '.status');
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const texts = async () => {
    const names = await readdir(status).catch(() => []);
    const files = names.filter((name) => name.includes('yaml'));
    return Promise.all(
      files.map(async (name): Promise<[string, string]> => [name, await readFile(join(status, name), 'utf8')]),
    );
  };
  let marks = 0;
  const own: Folder = {
    path,
    async write(name, text) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
      await utimes(file, new Date(), new Date(Date.now() - 60_000));
    },
    remove: (name) => rm(join(path, name), { recursive: true }),
    async read(source) {
      // The system tells of changes in their order, so what is seen with the last one is all.
      const mark = String((marks += 1));
      await own.write(
        'zz-mark.yaml',
        `apiVersion: v1\nkind: Secret\nmetadata: {name: mark}\nstringData: {mark: "${mark}"}\n`,
      );
      return eventually('the last change', async () => {
        const resources = await source.read();
        return source.secretValue('default/mark', 'mark') === mark && resources;
      });
    },
    async open() {
      const source = await createFolderSource({ folder: path, log: { info() {}, warn() {} } });
      onTestFinished(() => source.close());
      return source;
    },
    statuses: async () => new Map((await texts()).map(([name, text]) => [name, load(text) as StatusFile])),
    written: async () => (await texts()).map(([name, text]) => `${name}\n${text}`).join('\n'),
  };
  for (const [name, text] of Object.entries(files)) await own.write(name, text);
  return own;
}

/** A WebPool, without quotes around anything. */
export function pool(name: string, port = 80, more = ''): string {
  return `apiVersion: webpool.dev/v1alpha1\nkind: WebPool\nmetadata: {name: ${name}}\nspec: {port: ${port}${more}}\n`;
}

/** A Secret with one key. */
export function secret(name: string, password: string): string {
  return `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {password: ${JSON.stringify(password)}}\n`;
}

/** Generations of the pools in force: `{blog: 1}`. */
export function generations({ pools }: Resources): Readonly<Record<string, number>> {
  return Object.fromEntries([...pools.values()].map(({ metadata }) => [metadata.name, metadata.generation]));
}

/** Ports of the pools in force: `{blog: 80}`. */
export function ports({ pools }: Resources): Readonly<Record<string, number | undefined>> {
  return Object.fromEntries([...pools.values()].map(({ metadata, spec }) => [metadata.name, spec.port]));
}

/** `a.yaml:1: what is wrong` of whatever is no object. */
export function errors({ unnamed }: Resources): readonly string[] {
  return unnamed.map(({ file, line, message }) => `${file}:${line}: ${message}`);
}

/** What the controller writes after a round: a status of every object, that of `changed` ones anew. */
export async function writeStatuses(
  source: FolderSource,
  resources: Resources,
  gap?: () => Promise<void>,
): Promise<void> {
  const documents = [...resources.pools.values(), ...resources.held].map(({ kind, metadata }): StatusDocument => {
    const { namespace, name, generation } = metadata;
    const status = { observedGeneration: generation, conditions: [] };
    return { kind, key: `${namespace}/${name}`, metadata: { namespace, name, generation }, status };
  });
  const changed = documents.filter(({ kind, key, status }) => !isWritten(source, { kind, key, status }));
  await source.writeStatus(changed, documents, { errors: resources.unnamed, ...(gap && { gap }) });
}

function isWritten(source: FolderSource, { kind, key, status }: { kind: Kind; key: Key; status: AnyStatus }): boolean {
  return source.statusOf(kind, key)?.observedGeneration === status.observedGeneration;
}
