#!/bin/sh
# The image's entry point: gives the data directory to the broker's user when it starts as root, and
# runs what it is told to.
set -e

data="${FERRYMQ_DATA_DIR:-${RABBITMQ_MNESIA_DIR:-${RABBITMQ_MNESIA_BASE:-/var/lib/rabbitmq}}}"

case "$1" in
    -*) set -- rabbitmq-server "$@" ;;
esac

case "$1" in
    rabbitmq-server | ferrymq)
        if [ "$(id -u)" = 0 ]; then
            mkdir -p "$data"
            find "$data" \! -user rabbitmq -exec chown rabbitmq:rabbitmq '{}' +
            exec setpriv --reuid=rabbitmq --regid=rabbitmq --clear-groups "$@"
        fi
        ;;
esac

exec "$@"
