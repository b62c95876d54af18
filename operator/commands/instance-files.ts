/** What a running instance leaves in `.status` for other processes: where it answers, and which database servers it has looked after. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeAtomically } from '../driver/files.ts';

/** Where an instance answers. */
export interface InstanceFile {
  readonly url: string;
  readonly pid: number;
}

const INSTANCE = 'instance.json';

/** What is written of the instance in this `.status` folder; undefined when nothing is, or nothing that can be understood. */
export async function readInstance(statusFolder: string): Promise<InstanceFile | undefined> {
  const { url, pid } = ((await readJson(join(statusFolder, INSTANCE))) ?? {}) as Partial<InstanceFile>;
  return typeof url === 'string' && typeof pid === 'number' ? { url, pid } : undefined;
}

/** Whoever may read the folder may also ask. */
export async function writeInstance(statusFolder: string, instance: InstanceFile): Promise<void> {
  await writeAtomically(join(statusFolder, INSTANCE), JSON.stringify(instance), 0o644);
}

/** Nobody answers any more. */
export async function removeInstance(statusFolder: string): Promise<void> {
  await rm(join(statusFolder, INSTANCE), { force: true });
}

/** The JSON of a file; undefined when it is not there or damaged. Errors: rejects when it cannot be read. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readIfThere(path);
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
