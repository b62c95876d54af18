import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimFolder } from '../../operator/driver/claim.ts';

const MODULE = new URL('../../operator/driver/claim.ts', import.meta.url).href;

describe('a claim', () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'webpool-claim-'));
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  it('is for one, until it is let go', async () => {
    const first = await claimFolder(path);
    expect(await claimFolder(path)).toBeUndefined();
    await first?.release();
    const second = await claimFolder(path);
    expect(second).toBeDefined();
    await second?.release();
  });

  it('is on the folder, not on its name', async () => {
    const [folder, link] = [join(path, 'folder'), join(path, 'link')];
    await mkdir(folder);
    await symlink(folder, link);
    const first = await claimFolder(folder);
    expect(await claimFolder(link)).toBeUndefined();
    await rename(folder, join(path, 'old'));
    await mkdir(folder);
    const second = await claimFolder(folder);
    expect(second).toBeDefined();
    await Promise.all([first?.release(), second?.release()]);
  });

  it('ends with a process that is killed', async () => {
    const script = `const { claimFolder } = await import(${JSON.stringify(MODULE)});
      console.log((await claimFolder(${JSON.stringify(path)})) !== undefined); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(String(said)).toBe('true\n');
    expect(await claimFolder(path)).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const next = await claimFolder(path);
    expect(next).toBeDefined();
    await next?.release();
  });

  it('keeps no process alive', async () => {
    const script = `const { claimFolder } = await import(${JSON.stringify(MODULE)}); await claimFolder(${JSON.stringify(path)});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('on a folder that is not there fails', async () => {
    await expect(claimFolder(join(path, 'nowhere'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
