#!/bin/sh
# Installs one server on this machine and starts it, or starts it anew after a change.
#
#   install.sh SERVER PROGRAM [ENV]
#
# SERVER   crm, inventory, furniture or fraud
# PROGRAM  the built boutique-SERVER
# ENV      its settings; SERVER.env beside this script if not named. An /etc/boutique/SERVER.env
#          that is there already is kept: it is the machine's own.
set -eu

server=$1
program=$2
here=$(cd "$(dirname "$0")" && pwd)
env=${3:-$here/$server.env}

install -D -m 0644 "$here/boutique.conf" /etc/sysusers.d/boutique.conf
systemd-sysusers /etc/sysusers.d/boutique.conf
# Put in place by a rename, so that a running server keeps the file it was started from.
install -m 0755 "$program" "/usr/local/bin/.boutique-$server.new"
mv -f "/usr/local/bin/.boutique-$server.new" "/usr/local/bin/boutique-$server"
install -D -m 0644 "$here/boutique@.service" /etc/systemd/system/boutique@.service
if [ ! -e "/etc/boutique/$server.env" ]; then
    install -D -m 0640 "$env" "/etc/boutique/$server.env"
fi
systemctl daemon-reload
systemctl enable "boutique@$server"
# Waits until the server says that it is ready, and fails if it cannot be.
systemctl restart "boutique@$server"
systemctl --no-pager status "boutique@$server"
