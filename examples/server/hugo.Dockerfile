# Presshook together with Hugo: for a site that is built on this machine by Hugo.
#
#   docker build --tag presshook .                                              in Presshook's directory
#   docker build --tag presshook-hugo --file examples/server/hugo.Dockerfile .  likewise
#
# Debian's Hugo is the extended edition, a little older than Hugo's newest; copy a newer one to /usr/local/bin if your
# theme asks for it. The site's own directory is mounted at /site and must belong to the user 10001.
FROM presshook

# The image's own user is restored below.
USER root
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git hugo openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=presshook --group=presshook /site
USER 10001:10001
WORKDIR /site
ENV SITE_DIR=/site
