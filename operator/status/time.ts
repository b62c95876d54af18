const FORM = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?Z$/;

/**
 * Seconds since 1970 of an RFC 3339 time in UTC; 0 when it is none, so a damaged time is a very old one.
 * By arithmetic, because this room has no clock and `Date` is one.
 */
export function secondsOf(time: string): number {
  const parts = FORM.exec(time);
  if (parts === null) return 0;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  return daysSince1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
}

/** Years begin in March here: then the leap day is the last one, and the days before a month follow one formula. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468;
}
