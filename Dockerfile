# Ticket in a container: everything it needs to run, and nothing that builds. `docker build -t ticket .`
#
# The store lies in /data, unless TICKET_DATABASE_URL names a server. Settings: docs/settings.md.

FROM python:3.13-slim-trixie AS build

ENV UV_PROJECT_ENVIRONMENT=/opt/ticket \
    UV_PYTHON=/usr/local/bin/python3 \
    UV_PYTHON_DOWNLOADS=never \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy

RUN pip install --no-cache-dir --root-user-action=ignore uv==0.13.9
WORKDIR /build

# The libraries first, as uv.lock names them with their hashes, and wheels only: nothing is compiled, so nothing compiles.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-cache --no-default-groups --all-extras --no-build --no-install-project

COPY src src
RUN uv sync --frozen --no-cache --no-default-groups --all-extras --no-editable


FROM python:3.13-slim-trixie

# Nothing is installed later, so what installs goes too.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip \
    && groupadd --gid 10001 ticket \
    && useradd --uid 10001 --gid ticket --no-create-home --home-dir /data --shell /usr/sbin/nologin ticket \
    && install --directory --owner=ticket --group=ticket --mode=0700 /data

COPY --from=build /opt/ticket /opt/ticket

ENV PATH=/opt/ticket/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TICKET_HOST=0.0.0.0 \
    TICKET_PORT=8000 \
    TICKET_DATABASE_URL=sqlite:////data/ticket.db

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000

# What runs as process 1 is Ticket itself: SIGTERM lets requests under way finish (20 s at most) and closes the store.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["ticket", "health"]
ENTRYPOINT ["ticket"]
CMD ["serve"]
