# Regulars in a container: no compilers, no package caches, no root, nothing to write to but /data and /tmp.
#
#   docker build -t regulars .
#   docker run --env-file .env -p 8080:8080 -v regulars:/data regulars
#
# docs/deploy.md tells the rest.

# What the dashboard's pages load in the browser.
FROM node:22-slim AS pages

WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev


FROM python:3.13-slim AS build

COPY requirements.txt /build/
RUN python3 -m venv --without-pip /opt/regulars \
 && python3 -m pip --python /opt/regulars/bin/python install --no-cache-dir --require-hashes -r /build/requirements.txt

# Compiled here, because the running container cannot write beside its code.
COPY bot.py combined_server.py setup_database.py health_check.py PRIVACY_POLICY.md TERMS_OF_SERVICE.md /app/
COPY core /app/core
COPY docs/verify_draw.py docs/verify_game.py /app/docs/
COPY widgets /app/widgets
COPY --from=pages /build/node_modules/@tabler/core/dist/css/tabler.min.css /app/node_modules/@tabler/core/dist/css/
COPY --from=pages /build/node_modules/@tabler/icons/icons/outline /app/node_modules/@tabler/icons/icons/outline
COPY --from=pages /build/node_modules/chart.js/dist/chart.umd.min.js /app/node_modules/chart.js/dist/
COPY --from=pages /build/node_modules/htmx.org/dist/htmx.min.js /app/node_modules/htmx.org/dist/
RUN /opt/regulars/bin/python -m compileall -q /app


FROM python:3.13-slim

# A number as the user, so that a host can see that it is not root without reading /etc/passwd.
RUN groupadd --gid 10001 regulars \
 && useradd --uid 10001 --gid regulars --home-dir /data --no-create-home --shell /usr/sbin/nologin regulars \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data

COPY --from=build /opt/regulars /opt/regulars
COPY --from=build /app /app

# A container is for the real services: without tokens it says what is missing, instead of playing sandbox.
ENV PATH="/opt/regulars/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    REGULARS_SANDBOX=0 \
    DATA_DIR=/data \
    PORT=8080

WORKDIR /app
USER 10001:10001
EXPOSE 8080

HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "health_check.py"]

# No shell in between: SIGTERM reaches Python, which stops everything in order.
ENTRYPOINT ["python", "combined_server.py"]
