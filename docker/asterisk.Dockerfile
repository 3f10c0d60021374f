# Asterisk, without any configuration of its own: it reads what the bridge has rendered.
# Debian's stable releases carry no Asterisk, hence sid. Nothing is copied from the context.
# By digest where one is known: --build-arg DEBIAN_IMAGE=debian:sid-slim@sha256:…
ARG DEBIAN_IMAGE=debian:sid-slim
FROM ${DEBIAN_IMAGE}

# The same number in both images: they share files that only their owner may read.
ARG PBX_UID=10001
# Below this release a hole in ARI is open (GHSA-wcvv); "1:" is Debian's epoch, "~" admits its suffixes.
ARG ASTERISK_FLOOR=1:22.10.1~

RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
        asterisk asterisk-core-sounds-en-wav asterisk-moh-opsound-wav \
 && rm -rf /var/lib/apt/lists/* /etc/asterisk \
 && dpkg --compare-versions "$(dpkg-query --show --showformat='${Version}' asterisk)" \
        ge "$ASTERISK_FLOOR" \
 && groupadd --gid "$PBX_UID" pbx \
 && useradd --uid "$PBX_UID" --gid pbx --no-create-home --shell /usr/sbin/nologin pbx \
 && install --directory --owner=pbx --group=pbx --mode=0700 /var/lib/pbx-bridge

USER pbx
WORKDIR /var/lib/pbx-bridge
VOLUME /var/lib/pbx-bridge

HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["asterisk", "-C", "/var/lib/pbx-bridge/asterisk/etc/asterisk.conf", "-rx", "core waitfullybooted"]

# SIGTERM, which Docker sends, ends it as "core stop now" does.
CMD ["asterisk", "-f", "-C", "/var/lib/pbx-bridge/asterisk/etc/asterisk.conf"]
