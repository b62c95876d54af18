/** Builds the tests' Kubernetes now, so that no test has to wait for it: `node test/cluster/build.ts`. */
import { missingPrograms, programFolder } from './programs.ts';

const missing = await missingPrograms(['etcd', 'kube-apiserver', 'kubectl']);
if (missing === undefined) process.stdout.write(`${await programFolder(['etcd', 'kube-apiserver', 'kubectl'])}\n`);
else process.stderr.write(`test/cluster: ${missing}\n`);
