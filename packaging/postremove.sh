#!/bin/sh
# After the files have gone. dpkg says: remove, purge, upgrade, ...; rpm says 0, or 1 at an upgrade.
set -e

case "$1" in
remove | 0)
  if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
  ;;
purge)
  # What failoverd has made for itself: history, keys, certificates, what it remembers of copies. Copies of databases and
  # files that somebody had put below it are data of others, and stay.
  for state in /var/lib/failoverd /var/lib/failoverd-agent; do
    if [ ! -d "$state" ]; then continue; fi
    for part in journal tls agents servers trees databases application; do
      rm -rf "${state:?}/$part"
    done
    find "$state" -maxdepth 1 -type f -delete
    rmdir "$state" 2>/dev/null || echo "$state holds more than failoverd made for itself, and stays: look at it, then remove it by hand." >&2
  done
  if [ -d /etc/failoverd ]; then
    rmdir /etc/failoverd/servers.d /etc/failoverd/options.d /etc/failoverd 2>/dev/null || echo "/etc/failoverd holds your configuration and secrets, and stays." >&2
  fi
  ;;
esac
