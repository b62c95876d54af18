import { Agent, request } from 'undici';

/** What the API server answered. */
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export interface RequestOptions {
  readonly body?: unknown;
  /** Default: application/json. */
  readonly contentType?: string;
}

/** A client of the tests' own, so that tests need not trust the one they test. */
export interface Client {
  /** Any answer is an answer. */
  readonly request: <T = unknown>(method: Method, path: string, options?: RequestOptions) => Promise<Answer<T>>;
  /** The body of a good answer; throws on any other. */
  readonly ask: <T = unknown>(method: Method, path: string, options?: RequestOptions) => Promise<T>;
  readonly close: () => Promise<void>;
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface ClientOptions {
  readonly url: string;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** Opens a client for one bearer token. */
export function createClient({ url, ca, token }: ClientOptions): Client {
  const dispatcher = new Agent({ connect: { ca } });
  const answerTo = async (method: Method, path: string, options: RequestOptions = {}): Promise<Answer<unknown>> => {
    const { body, contentType = 'application/json' } = options;
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': contentType };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await request(`${url}${path}`, { dispatcher, method, headers, ...sent });
    const text = await answer.body.text();
    const isJson = answer.headers['content-type']?.includes('json') === true;
    return { status: answer.statusCode, body: isJson ? JSON.parse(text) : text };
  };
  const goodAnswerTo = async (method: Method, path: string, options?: RequestOptions): Promise<unknown> => {
    const { status, body } = await answerTo(method, path, options);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(body)}`);
    return body;
  };
  return {
    request: answerTo as Client['request'],
    ask: goodAnswerTo as Client['ask'],
    close: () => dispatcher.destroy(),
  };
}
