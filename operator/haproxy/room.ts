/** What HAProxy takes of its host: descriptors and memory. */

/** Descriptors that HAProxy may have open: two for each connection, and others for checks and sockets. */
export interface Room {
  readonly maxConnections: number;
  readonly otherDescriptors: number;
}

/** Stands in front of a skeleton, for it depends on the servers in the file. */
export const ROOM_SECTION = /^global\n {2}maxconn \d+\n\n/;

/**
 * `maxconn` for a file with so many servers. HAProxy takes its limit of descriptors from it alone: two for each connection, and one
 * for the check of each server in its file. Those that join later it does not count, and without room for their checks it drops its
 * own command line. So what the file does not take is room for connections: the limit is the same with every number of servers.
 */
export function roomSection({ maxConnections, otherDescriptors }: Room, servers: number): string {
  const others = Math.max(0, otherDescriptors - servers);
  return `global\n  maxconn ${maxConnections + Math.floor(others / 2)}\n\n`;
}

/** Loaded into every Lua state of HAProxy: those of its threads and the one that they share. */
export const LEAN_FILE = 'lean.lua';

/**
 * HAProxy before 2.7 has a table for every pool and server in each Lua state: 0.7 KB a server and thread that nobody asks for.
 * Source: HAProxy 2.6, src/hlua_fcn.c, "hlua_fcn_post_init".
 */
export const LEAN_SCRIPT = `core.register_init(function()
  core.proxies, core.backends, core.frontends = nil, nil, nil
  collectgarbage()
end)
`;
