# The bridge. Built from the repository's root: docker build -f docker/bridge.Dockerfile .
# Name them by digest where one is known: --build-arg PYTHON_IMAGE=python:3.11-slim@sha256:…
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE} AS build

WORKDIR /build
COPY pyproject.toml README.md requirements.txt ./
COPY pbx_bridge pbx_bridge
# Everything is compared with the hashes of requirements.txt; of that only what the bridge needs is
# installed, and nothing from anywhere else: tools for development stay outside.
RUN python -m pip wheel --no-cache-dir --no-deps --require-hashes \
        --requirement requirements.txt --wheel-dir /wheels \
 && python -m venv /opt/pbx-bridge \
 && /opt/pbx-bridge/bin/pip install --no-cache-dir --no-index --find-links /wheels .

FROM ${PYTHON_IMAGE}

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
