/** What the codes of the operating system mean to whoever has to mend it. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'somebody else listens there',
  EADDRNOTAVAIL: 'this host has no such address',
  EISDIR: 'it is a folder',
  ENOENT: 'it is not there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'it is no folder',
  EPERM: 'permission denied',
  EROFS: 'it can only be read',
};

/** An error in words for one line: what is wrong, and with which file or folder where that is not `about`. */
export function wordsOf(error: unknown, about?: string): string {
  const { code = '', path, message } = error as NodeJS.ErrnoException;
  const words = WORDS[code];
  if (words === undefined) return message ?? String(error);
  return path === undefined || path === about ? words : `${words} (${path})`;
}
