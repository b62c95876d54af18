# The one image: HAProxy 3.0 of Debian 13, the Node of package-lock.json, the program. It holds all roles: `webpool operator`,
# `webpool agent`, and `haproxy` for the container beside the agent.
#   npm run build && docker build -t webpool .
ARG BASE=docker.io/library/debian:trixie-slim
FROM ${BASE}
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends haproxy ca-certificates \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf /var/log/* /etc/haproxy /var/lib/haproxy
COPY node_modules/node/bin/node /usr/local/bin/node
COPY dist /opt/webpool
RUN ln -s /opt/webpool/webpool.mjs /usr/local/bin/webpool
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/webpool"]
CMD ["--help"]
