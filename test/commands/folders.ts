import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder with these files, for one test. */
export async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'webpool-commands-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), text);
  }
  return path;
}

export const POOL = `apiVersion: webpool.dev/v1alpha1
kind: WebPool
metadata: {name: blog}
spec:
  port: 80
  externalEndpoints:
    - {name: web01, address: web01.example.com}
    - {name: web02, address: web02.example.com}
    - {name: web03, address: 192.0.2.1}
`;

export const RULE = `apiVersion: webpool.dev/v1alpha1
kind: RoutingRule
metadata: {name: site}
spec:
  listener: {protocol: HTTP, port: 8080}
  rules:
    - name: blog
      matches: [{path: {type: Prefix, value: /blog}}]
      pools: [{name: blog}]
`;
