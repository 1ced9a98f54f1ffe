#!/bin/sh
# Before the files go. dpkg says: remove, or upgrade; rpm says 0, or 1 at an upgrade.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
  # Nobody would look after the addresses and the stand-ins any more.
  if systemctl is-active --quiet failoverd.service && failoverd status --json 2>/dev/null | grep -q '"role": *"standing in"'; then
    echo "failoverd stands in for a server and is not removed. Give its role back first: failoverd status" >&2
    echo "To remove it all the same, stop it yourself: systemctl stop failoverd. Its addresses stay on this host then." >&2
    exit 1
  fi
  for unit in failoverd.service failoverd-agent.service; do
    if command -v deb-systemd-invoke >/dev/null; then
      deb-systemd-invoke stop "$unit" || true
    else
      systemctl stop "$unit" || true
    fi
  done
fi
for unit in failoverd.service failoverd-agent.service; do
  systemctl --quiet disable "$unit" 2>/dev/null || true
done
