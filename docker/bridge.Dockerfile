# The bridge. Built from the repository's root: docker build -f docker/bridge.Dockerfile .
FROM python:3.11-slim AS build

WORKDIR /build
COPY pyproject.toml README.md requirements.txt ./
COPY pbx_bridge pbx_bridge
# The pins of requirements.txt as constraints, so that tools for development stay outside.
RUN sed --regexp-extended '/^ *(--hash|#)/d; s/ *\\$//' requirements.txt > constraints.txt \
 && python -m venv /opt/pbx-bridge \
 && /opt/pbx-bridge/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim

ARG PBX_UID=10001

RUN apt-get update \
 && apt-get install --yes --no-install-recommends espeak-ng \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid "$PBX_UID" pbx \
 && useradd --uid "$PBX_UID" --gid pbx --no-create-home --shell /usr/sbin/nologin pbx \
 && install --directory --owner=pbx --group=pbx --mode=0700 /var/lib/pbx-bridge

COPY --from=build /opt/pbx-bridge /opt/pbx-bridge
COPY docker/prepare.sh /usr/local/bin/pbx-prepare
ENV PATH=/opt/pbx-bridge/bin:$PATH PYTHONDONTWRITEBYTECODE=1

USER pbx
WORKDIR /var/lib/pbx-bridge
VOLUME /var/lib/pbx-bridge

# Fails when the bridge doesn't answer.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["pbx-bridge", "status", "--config", "/etc/pbx-bridge/config.yaml"]

CMD ["pbx-bridge", "serve", "--config", "/etc/pbx-bridge/config.yaml"]
