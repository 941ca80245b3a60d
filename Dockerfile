# knxgw in a container. Build:  docker build -t knxgw .
# Run; host networking because KNX routing is multicast (packaging/compose.yaml has the same):
#   docker run -d --name knxgw --network host --restart unless-stopped --read-only --tmpfs /tmp \
#     --cap-drop ALL --security-opt no-new-privileges -v knxgw-state:/var/lib/knxgw knxgw
# `make image-check` looks at this file, builds and starts it; without an engine it goes through its steps.

FROM python:3.11-slim AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY constraints.txt pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY knxgw ./knxgw
COPY product_db ./product_db
RUN PIP_BUILD_CONSTRAINT=constraints.txt PIP_CONSTRAINT=constraints.txt \
    python -m pip wheel --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/knxgw \
 && /opt/knxgw/bin/python -m pip install --constraint constraints.txt "$(ls /wheels/*.whl)[ets]"

FROM python:3.11-slim
RUN groupadd --system --gid 10001 knxgw \
 && useradd --system --uid 10001 --gid knxgw --home-dir /var/lib/knxgw --shell /usr/sbin/nologin knxgw \
 && install -d -o knxgw -g knxgw -m 750 /var/lib/knxgw
COPY --from=build /opt/knxgw /opt/knxgw
ENV PATH=/opt/knxgw/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Whoever runs the container starts it again (restart policy), also where another process is the first one.
ENV KNXGW_SUPERVISED=1
# Threads of the website keep no blocks that they freed (10 MiB with fifty browsers).
ENV GLIBC_TUNABLES=glibc.malloc.tcache_count=0
# Where the container asks for its own health; change it together with website.listen.
ENV KNXGW_HEALTH=http://127.0.0.1:8080/health
USER knxgw
WORKDIR /var/lib/knxgw
VOLUME /var/lib/knxgw
EXPOSE 8080
STOPSIGNAL SIGTERM
# The status page answers 200 when telegrams are answered and the first poll is done.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['KNXGW_HEALTH'], timeout=4)"]
ENTRYPOINT ["knxgw"]
CMD ["run"]
