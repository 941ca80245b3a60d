# knxgw in a container. Build:  docker build -t knxgw .
# Run, with the file in ./site/knxgw.yaml; host networking because KNX routing is multicast:
#   docker run -d --name knxgw --network host --restart unless-stopped \
#     -v "$PWD/site:/etc/knxgw:ro" -v knxgw-state:/var/lib/knxgw knxgw

FROM python:3.11-slim AS build
WORKDIR /source
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY constraints.txt pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY knxgw ./knxgw
COPY product_db ./product_db
RUN PIP_BUILD_CONSTRAINT=constraints.txt PIP_CONSTRAINT=constraints.txt \
    python -m pip wheel --no-deps --wheel-dir /wheels . \
 && python -m venv /opt/knxgw \
 && /opt/knxgw/bin/python -m pip install --constraint constraints.txt /wheels/*.whl

FROM python:3.11-slim
RUN groupadd --system --gid 10001 knxgw \
 && useradd --system --uid 10001 --gid knxgw --home-dir /var/lib/knxgw --shell /usr/sbin/nologin knxgw \
 && install -d -o knxgw -g knxgw -m 750 /var/lib/knxgw
COPY --from=build /opt/knxgw /opt/knxgw
ENV PATH=/opt/knxgw/bin:$PATH PYTHONUNBUFFERED=1
# Threads of the website keep no blocks that they freed (10 MiB with fifty browsers).
ENV GLIBC_TUNABLES=glibc.malloc.tcache_count=0
# Where the container asks for its own health; change it together with website.listen.
ENV KNXGW_HEALTH=http://127.0.0.1:8080/health
USER knxgw
WORKDIR /var/lib/knxgw
VOLUME /var/lib/knxgw
EXPOSE 8080
# The status page answers 200 when telegrams are answered and the first poll is done.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['KNXGW_HEALTH'], timeout=4)"]
ENTRYPOINT ["knxgw"]
CMD ["run"]
