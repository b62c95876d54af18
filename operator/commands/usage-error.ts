/** Called in a way that cannot work: a sentence for the person, no stack, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
