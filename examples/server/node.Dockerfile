# Presshook together with Node.js: for a site that is built on this machine by Astro, Eleventy, Next.js and others.
#
#   docker build --tag presshook .                                              in Presshook's directory
#   docker build --tag presshook-node --file examples/server/node.Dockerfile .  likewise
#
# The site's own directory is mounted at /site and must belong to the user 1000, which the node images call `node`.
FROM presshook AS presshook

FROM node:22-bookworm-slim
# Git, and ssh for a remote such as git@github.com:you/site.git.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git openssh-client tini \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=node --group=node --mode=0700 /data \
    && install --directory --owner=node --group=node /site
COPY --from=presshook /usr/local/bin/presshook /usr/local/bin/presshook
USER node
WORKDIR /site
ENV DATABASE=/data/presshook.db SITE_DIR=/site
VOLUME /data
EXPOSE 3100
HEALTHCHECK --interval=30s --timeout=6s --start-period=5s CMD ["presshook", "health"]
ENTRYPOINT ["tini", "--", "presshook"]
CMD ["serve"]
