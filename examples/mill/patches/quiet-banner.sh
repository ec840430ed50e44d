#!/bin/sh
# Apache no longer tells its version to everybody.
set -eu
printf 'ServerTokens Prod\nServerSignature Off\n' >/etc/apache2/conf-available/quiet.conf
a2enconf -q quiet
systemctl reload apache2
