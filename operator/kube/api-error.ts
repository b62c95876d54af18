/** An answer of the API server that is no success. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status, or the code inside an ERROR event of a watch. */
  readonly code: number;
  /** The machine-readable word, for example `Conflict`; empty when the answer had none. */
  readonly reason: string;
  readonly details: unknown;
  /** Seconds that the server asked us to wait. */
  readonly retryAfter: number | undefined;

  constructor(what: string, { code, reason, message, details, retryAfter }: ApiFailure) {
    super(`${what}: ${code} ${reason === '' ? '' : `${reason}: `}${message}`);
    this.code = code;
    this.reason = reason;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

/** What an answer says about its failure. */
export interface ApiFailure {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: unknown;
  readonly retryAfter?: number | undefined;
}

/** A list or an event that is not what its verb gives: nothing may be concluded from it. */
export class MalformedAnswerError extends Error {
  override readonly name = 'MalformedAnswerError';
}

const LONGEST_MESSAGE = 2000;

/** The failure in a body; one that is no `Status` (a proxy in between wrote it) is quoted. */
export function failureOf(code: number, body: string, retryAfter?: string): ApiFailure {
  const seconds = retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const status = statusOf(body);
  const { reason = '', message = body.slice(0, LONGEST_MESSAGE), details } = status ?? {};
  return { code, reason, message, details, retryAfter: seconds ?? details?.retryAfterSeconds };
}

interface Status {
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

function statusOf(body: string): Status | undefined {
  try {
    const value = JSON.parse(body) as (Status & { readonly kind?: string }) | null;
    return value?.kind === 'Status' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the server says that a resourceVersion or continue token is too old. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}

/** Whether the error is an answer of that HTTP status. */
export function hasCode(error: unknown, code: number): boolean {
  return error instanceof ApiError && error.code === code;
}

/** Undefined where the API server answers with that code. */
export async function unless<T>(code: number, work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (!hasCode(error, code)) throw error;
    return undefined;
  });
}
