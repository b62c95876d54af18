import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Writes a file so that a reader, or a crash, sees the old content or the new, never half of it. Its folder and the one around that are
 * made where they are missing; what stands further up is the user's, and one that is lost must not come back empty.
 */
export async function writeAtomically(path: string, content: string, mode = 0o600): Promise<void> {
  await writeBeside(path, content, mode);
  await rename(besides(path), path);
}

/** The name under which the next content of a file is written. */
function besides(path: string): string {
  return `${path}.new`;
}

/** All or nothing: on a disk that is full nothing stays of it. */
async function writeBeside(path: string, content: string, mode = 0o600): Promise<void> {
  await makeFolder(dirname(path));
  const file = await open(besides(path), 'w', mode);
  try {
    await file.writeFile(content);
    await file.datasync();
  } catch (error) {
    await rm(besides(path), { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function makeFolder(folder: string): Promise<void> {
  const make = (path: string, mode: number) =>
    mkdir(path, { mode }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  await make(folder, 0o700).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await make(dirname(folder), 0o755);
    await make(folder, 0o700);
  });
}

/**
 * Writes those files of a folder whose content differs from what was written last, and removes those that `isOurs` names
 * and that are no longer among them, whoever wrote them. Where there is no room for all of them every file stays what it was.
 */
export function createFolderWriter(
  folder: string,
  isOurs: (name: string) => boolean = () => false,
): (files: ReadonlyMap<string, string>) => Promise<void> {
  const written = new Map<string, string>();
  return async (files) => {
    const there = new Set(await namesIn(folder));
    // Somebody may have removed one.
    const due = [...files].filter(([name, content]) => written.get(name) !== content || !there.has(name));
    const done: string[] = [];
    try {
      for (const [name, content] of due) {
        await writeBeside(join(folder, name), content);
        done.push(name);
      }
    } catch (error) {
      for (const name of done) await rm(besides(join(folder, name)), { force: true });
      throw error;
    }
    for (const [name, content] of due) {
      await rename(besides(join(folder, name)), join(folder, name));
      written.set(name, content);
    }
    for (const name of [...there].filter((found) => isOurs(found) && !files.has(found))) {
      await rm(join(folder, name), { force: true });
      written.delete(name);
    }
  };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return [];
  });
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
