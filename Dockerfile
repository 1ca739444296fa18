# One image for `curator web` and `curator worker`: the command decides.
#
# Targets: runtime (the default) and full, which has torch and sentence-transformers, for other
# models and for GPUs. `scripts/image` builds, measures and tries it.
#
# BASE_IMAGE          Debian 12 or later; its python3, or Debian's own where it has none
# TORCH_INDEX         where pip finds the CPU build of torch, if not in its usual places
# SOURCE_DATE_EPOCH   makes two builds the same, with a builder that sets file times by it

ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS base
SHELL ["/bin/sh", "-euc"]
# hadolint ignore=DL3008,SC2086
RUN packages="ca-certificates tini"; \
    command -v python3 >/dev/null || packages="$packages python3 python3-venv"; \
    apt-get update -qq; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages; \
    rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/*
ENV PATH=/opt/curator/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1


FROM base AS libraries
WORKDIR /src
COPY requirements-runtime.lock .
RUN python3 -m venv /opt/curator; \
    pip install -q --no-compile --no-deps -r requirements-runtime.lock


FROM libraries AS build
COPY pyproject.toml README.md LICENSE ./
COPY app app
COPY nlp nlp
COPY tasks tasks
RUN pip install -q --no-compile --no-deps --no-build-isolation .


# What the models are made of, and compared with.
FROM libraries AS torch
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.lock .
# hadolint ignore=DL3013
RUN torch=$(grep '^torch==' requirements.lock); \
    pip install -q --no-compile --no-deps "$torch" || \
        pip install -q --no-compile --no-deps "$torch" --extra-index-url "$TORCH_INDEX"; \
    grep -v '^torch==' requirements.lock >others.lock; \
    pip install -q --no-compile --no-deps -r others.lock


FROM torch AS build-full
COPY --from=build /src /src
RUN pip install -q --no-compile --no-deps --no-build-isolation .


# Makes the model for onnxruntime; fails where it differs from sentence-transformers.
FROM build-full AS export
RUN MODELS_DIR=/opt/models curator models export


FROM build AS slim
# hadolint ignore=DL3008
RUN apt-get update -qq; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends binutils
COPY scripts/slim-image /usr/local/bin/
RUN slim-image /opt/curator


FROM base AS runtime-base
ENV MODELS_DIR=/opt/models \
    PYTHONDONTWRITEBYTECODE=1 \
    STATE_DIR=/tmp/state
VOLUME /tmp
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
# tini signals only its child: the engine is ended by its worker.
ENTRYPOINT ["tini", "--", "curator"]
CMD ["web"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["curator", "alive"]
LABEL org.opencontainers.image.title="Content curator" \
    org.opencontainers.image.description="Ranked, explained, duplicate-free lists of articles, as background jobs" \
    org.opencontainers.image.licenses="Apache-2.0"


FROM runtime-base AS full
COPY --from=build-full /opt/curator /opt/curator
COPY --from=export /opt/models /opt/models


FROM runtime-base AS runtime
COPY --from=slim /opt/curator /opt/curator
COPY --from=export /opt/models /opt/models
