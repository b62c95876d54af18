/** What a Secret that the operator keeps beside the proxies says of the object that it is a copy of. */

/** From where it was copied: `namespace/name`. */
export const SOURCE_ANNOTATION = 'webpool.dev/source';
/** What was copied; absent for a Secret. */
export const SOURCE_KIND_ANNOTATION = 'webpool.dev/source-kind';
/** What an operator makes in its own namespace, as a label selector. */
export const MANAGED_SELECTOR = 'app.kubernetes.io/managed-by=webpool';
