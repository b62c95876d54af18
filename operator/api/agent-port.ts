/**
 * Where the agent in a proxy Pod tells how it is. It shares its network with HAProxy, so no listener can have this port.
 * Above the ports that Linux gives to outgoing connections.
 */
export const AGENT_PORT = 61_081;
