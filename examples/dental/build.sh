#!/bin/bash
# Builds the booking site's packages from booking/VERSION, the same bytes
# every time: 1.0 is what the practice runs, 1.1 a good update, 1.2 one that
# installs cleanly and whose page then fails, because it reads a column that
# nobody added to the database.
#
#   usage: build.sh [DIR]      (default: this folder, where they are checked in)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# package VERSION DATE DIR
package() {
	local tree=$work/$1 out=$out/$3
	# The date of every file of the package: another one for each version, by
	# which PHP's cache sees that a page has changed.
	SOURCE_DATE_EPOCH=$(date -u -d "$2" +%s)
	export SOURCE_DATE_EPOCH
	install -d -m 0755 "$tree/DEBIAN" "$tree/var/www/html" "$out"
	install -m 0644 "$here/booking/$1/booking.php" "$tree/var/www/html/booking.php"
	cat >"$tree/DEBIAN/control" <<EOF
Package: harbour-booking
Version: $1
Architecture: all
Maintainer: Harbour Dental <it@harbour.lan>
Section: web
Priority: optional
Depends: apache2, libapache2-mod-php, php-pgsql
Description: booking site of Harbour Dental
 A page with the free appointments of the practice.
EOF
	chmod 0644 "$tree/DEBIAN/control"
	# That cache looks at a page's date every 2 s only.
	cat >"$tree/DEBIAN/postinst" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = configure ]; then invoke-rc.d apache2 restart; fi
EOF
	chmod 0755 "$tree/DEBIAN/postinst"
	find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	# Not compressed: a compressor's bytes change with its version.
	dpkg-deb --root-owner-group -Znone --build "$tree" \
		"$out/harbour-booking_$1_all.deb" >/dev/null
}

package 1.0 2025-01-01 files
package 1.1 2025-02-01 patches/good
package 1.2 2025-03-01 patches/broken
