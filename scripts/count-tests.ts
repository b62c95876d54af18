/**
 * `node count-tests.ts REPORT NOT_RUN PASSED FAILED`: adds the tests of a vitest report to the checks that were counted before and prints
 * the closing line. Fails when anything failed, and when a test was skipped without having been announced.
 */
import { readFileSync } from 'node:fs';

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

const [, , path = '', notRun = '', checksPassed = '0', checksFailed = '0'] = process.argv;
/** Titles of what said beforehand that it cannot run here; see test/support/announce.ts. */
const titles = readFileSync(notRun, 'utf8')
  .split('\n')
  .flatMap((line) => /^NOT RUN: (.*?): /.exec(line)?.[1] ?? []);
/** Lines of a message. */
const MOST_LINES = 30;
let passed = Number(checksPassed);
let failed = Number(checksFailed);
let announced = 0;

for (const { name, status, message, assertionResults } of readReport(path).testResults) {
  // A file that could not even be loaded has no tests in it.
  if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed')) {
    failed += 1;
    console.log(`FAILED ${name}: ${message.split('\n')[0]}`);
  }
  for (const test of assertionResults) {
    const [first] = test.failureMessages ?? [];
    const second = test.status === 'passed' && first !== undefined;
    if (second) console.log(`SECOND TRY ${name}: "${test.fullName}" first failed: ${wordsOf(first)}`);
    if (test.status === 'passed') passed += 1;
    else if (test.status === 'failed') failed += 1;
    else if (titles.some((title) => test.fullName.includes(title))) announced += 1;
    else {
      failed += 1;
      console.log(`FAILED ${name}: "${test.fullName}" was ${test.status} and nobody announced why`);
    }
  }
}

/** A message without its stack: of a property it has the seed and the counterexample, which never come again. */
function wordsOf(message: string): string {
  const lines = message.split('\n');
  const stack = lines.findIndex((line) => /^\s+at /.test(line));
  return lines.slice(0, stack === -1 ? MOST_LINES : Math.min(stack, MOST_LINES)).join('\n  ');
}

function readReport(file: string): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch (error) {
    failed += 1;
    console.log(`FAILED: vitest left no report (${error instanceof Error ? error.message : String(error)})`);
    return { testResults: [] };
  }
}

if (announced > 0) console.log(`${announced} tests could not run here; NOT RUN above says what they lack`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
