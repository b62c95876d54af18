/**
 * Where the agent in a proxy Pod tells how it is, and where the proxies tell each other what they remember of clients. No listener can have
 * these ports. Above those that Linux gives to outgoing connections.
 */
export const AGENT_PORT = 61_081;
export const PEERS_PORT = 61_082;

/** Name of everything that there is once for all proxies, the Service in front of them for one. */
export const PROXY_NAME = 'webpool-proxy';
/** The headless Service whose endpoints are all proxy Pods, ready or not. */
export const PEERS_SERVICE = 'webpool-proxy-peers';
