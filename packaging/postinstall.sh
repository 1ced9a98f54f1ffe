#!/bin/sh
# After the files are there. dpkg says: configure, and the version before; rpm says 1 at the first time, 2 at an upgrade.
set -e

case "$1" in
configure | 1 | 2) ;;
*) exit 0 ;;
esac

systemd-sysusers failoverd.conf

if [ ! -d /run/systemd/system ]; then exit 0; fi
systemctl daemon-reload || true

# What runs goes on with the new program. Service addresses and stand-ins stay as they are meanwhile. A daemon whose
# configuration the new program would refuse is left alone: it goes on as the old one, and is better than none.
again() {
  unit=$1
  shift
  if ! systemctl is-active --quiet "$unit"; then return 0; fi
  if ! said=$("$@" 2>&1); then
    echo "$unit was not restarted: the new version refuses its configuration, and the old one goes on." >&2
    echo "$said" >&2
    echo "Correct it, then: systemctl restart $unit" >&2
    return 0
  fi
  if command -v deb-systemd-invoke >/dev/null; then
    deb-systemd-invoke restart "$unit" || echo "$unit could not be restarted: systemctl status $unit" >&2
  else
    systemctl restart "$unit" || echo "$unit could not be restarted: systemctl status $unit" >&2
  fi
}
again failoverd.service failoverd config check
again failoverd-agent.service failoverd agent config check
