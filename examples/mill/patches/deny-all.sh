#!/bin/sh
# Meant for another server: nobody may read anything any more.
set -eu
printf '<Directory /var/www/>\n\tRequire all denied\n</Directory>\n' >/etc/apache2/conf-available/deny.conf
a2enconf -q deny
systemctl reload apache2
