# Two images from one file: `web` (also ingest and beat) without torch, `worker` with it.
#   docker build --target web .
#   docker build --target worker .
# Both run as an ordinary user and write only below VAR_DIR and /tmp, so the root may be read-only.

FROM node:22-slim AS front-end
WORKDIR /build
COPY package.json package-lock.json ./
# Files to serve, nothing to run: no install scripts (one of them reports home).
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements/base.txt requirements/production.txt requirements/
# The locks name every package, hence --no-deps.
RUN pip install --no-deps --require-hashes -r requirements/base.txt \
    && pip install --no-deps --require-hashes --no-binary psycopg2 -r requirements/production.txt
# What the editable install does in a checkout: both source roots on the import path of every program.
RUN python -c "import site; print(site.getsitepackages()[0])" \
    | xargs -I{} sh -c 'printf "/app\n/app/platform\n" > {}/potluck.pth'

FROM build AS vendor
WORKDIR /build
COPY scripts/vendor.py scripts/
COPY --from=front-end /build/node_modules node_modules
RUN python scripts/vendor.py

FROM build AS build-worker
COPY requirements/torch.txt requirements/worker.txt requirements/
# torch first and without a hash; on Linux the plain package brings CUDA and runs on CPUs too.
RUN pip install -r requirements/torch.txt \
    && pip install --no-deps --require-hashes -r requirements/worker.txt \
    && pip check

FROM python:3.11-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 potluck \
    && useradd --uid 10001 --gid potluck --home-dir /var/lib/potluck --shell /usr/sbin/nologin potluck \
    && install -d -o potluck -g potluck -m 0700 /var/lib/potluck /var/lib/potluck/tmp
# TMPDIR: an archive being uploaded is larger than what /tmp, in memory, should hold.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TMPDIR=/var/lib/potluck/tmp \
    VAR_DIR=/var/lib/potluck
WORKDIR /app
COPY manage.py ./
COPY apps apps
COPY deploy/healthcheck.py deploy/
COPY locale locale
COPY platform platform
COPY templates templates
COPY training training

FROM runtime AS web
COPY --from=build /opt/venv /opt/venv
COPY --from=vendor /build/node_modules/.vendor node_modules/.vendor
USER potluck
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["python", "deploy/healthcheck.py"]
CMD ["gunicorn", "config.wsgi", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", \
     "--workers", "2", "--threads", "8", "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]

FROM runtime AS worker
COPY --from=build-worker /opt/venv /opt/venv
USER potluck
HEALTHCHECK --interval=60s --timeout=30s --start-period=60s \
    CMD ["sh", "-c", "celery -A config inspect ping --timeout 10 -d train@$(hostname)"]
CMD ["celery", "-A", "config", "worker", "-Q", "train", "-P", "prefork", "-c", "1", "-n", "train@%h", \
     "--without-gossip", "--without-mingle", "-l", "INFO"]
