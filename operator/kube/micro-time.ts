/** RFC 3339 with exactly six fractional digits: Lease and Event refuse any other number of them. */
export function microTime(date: Date): string {
  return date.toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
