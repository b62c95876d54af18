/** Where this room tells what it does: pino's form. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
