# The server as an image: `docker build --tag presshook .`, then docs/server.md.
#
# It has what receiving webhooks and calling deploy hooks needs, and nothing to build a site with: for REBUILD_COMMAND
# and GIT_AUTO_PULL, put the program into an image that has your site's own tools
# (examples/server/node.Dockerfile, examples/server/hugo.Dockerfile).

# The version of rust-toolchain.toml. Debian 12 on purpose: a program that is built there runs on it and on all that is
# newer, such as the node images.
#
# A release compiles nothing here: it gives what is compiled already in place of this stage
# (`--build-context build=dist/image`, scripts/release/image.mjs), for each architecture.
FROM rust:1.95.0-slim-bookworm AS build
ARG TARGETARCH
WORKDIR /presshook
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/presshook/target \
    cargo build --release --locked --bin presshook \
    && install -D target/release/presshook /out/${TARGETARCH}/presshook

# Debian and not an empty image, because a deploy hook is called over HTTPS, which needs the certificates of the
# authorities, and because an owner wants a shell when something is wrong. tini is the first process: it passes signals
# on and buries what a rebuild command leaves behind.
FROM debian:bookworm-slim
ARG TARGETARCH
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 presshook \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin presshook \
    && install --directory --owner=presshook --group=presshook --mode=0700 /data
COPY --from=build /out/${TARGETARCH}/presshook /usr/local/bin/presshook
USER 10001:10001
WORKDIR /data
ENV DATABASE=/data/presshook.db
VOLUME /data
EXPOSE 3100
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["presshook", "health"]
ENTRYPOINT ["tini", "--", "presshook"]
CMD ["serve"]
