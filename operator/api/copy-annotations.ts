/** What a Secret that the operator keeps beside the proxies says of the object that it is a copy of. */

/** From where it was copied: `namespace/name`. */
export const SOURCE_ANNOTATION = 'webpool.dev/source';
/** What was copied; absent for a Secret. */
export const SOURCE_KIND_ANNOTATION = 'webpool.dev/source-kind';
/** The label of whatever an operator makes, and the selector of it. */
export const MANAGED = { 'app.kubernetes.io/managed-by': 'webpool' } as const;
export const MANAGED_SELECTOR = Object.entries(MANAGED).flat().join('=');
