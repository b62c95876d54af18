/** From a change of what is wanted to the moment that HAProxy and visitors have it. */
import { measureFolders } from './change-folder.ts';
import { measureKubernetes } from './change-kubernetes.ts';
import type { Result } from './frame.ts';

export const name = 'change';
export const description =
  'one edited file until HAProxy has the change, at 10, 1,000 and 10,000 servers, against the bare command; until the first and last request';
export const method =
  '105 turns of three changes in each size after 15 to warm up, each beside a script that only says the bare command; in Kubernetes 600 of two';

export async function run(say: (text: string) => void): Promise<Result> {
  const folders = await measureFolders(say);
  return { name, figures: { ...folders, ...(await measureKubernetes(say)) } };
}
