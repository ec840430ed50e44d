package patch

import (
	"path"
	"strconv"
	"strings"

	"github.com/patchlab/patchlab/lab/guest"
)

// exitPutBack is the scripts' exit code when files could not be put back;
// exitGone when the old files are no longer kept.
const (
	exitPutBack = 2
	exitGone    = 3
)

// replaceFunctions are what the scripts are made of. $keep is the folder for
// the old files. Each function takes a file's number, and where it is.
const replaceFunctions = `umask 077
beside() { tmp=${2%/*}/.patchlab-${keep##*/}-$1; }
folder() {
	if [ -z "$1" ] || [ -d "$1" ]; then return; fi
	folder "${1%/*}" && mkdir -m 755 -- "$1" && printf '%s\n' "$1" >>"$keep/folders"
}
prepare() {
	beside "$1" "$2"
	if [ -e "$2" ]; then
		cp -a -- "$2" "$keep/$1" && cp -a -- "$2" "$tmp" || return
	else
		folder "${2%/*}" || return
	fi
	cat -- "$3" >"$tmp" && chown -- "$4" "$tmp" && chmod -- "$5" "$tmp"
}
swap() {
	beside "$1" "$2"
	mv -f -- "$tmp" "$2" || return
	swapped="$swapped $1 "
	if command -v restorecon >/dev/null; then restorecon -- "$2" || :; fi
}
kept() { [ -f "$keep/$1" ]; }
putback() {
	beside "$1" "$2"
	case $swapped in *" $1 "*) ;; *) rm -f -- "$tmp"; return ;; esac
	if [ -f "$keep/$1" ]; then
		if cp -a -- "$keep/$1" "$tmp" && mv -f -- "$tmp" "$2"; then return; fi
		rm -f -- "$tmp"
		cmp -s -- "$keep/$1" "$2" || bad=1
	else
		rm -f -- "$2" || bad=1
	fi
}
unfold() {
	[ -f "$keep/folders" ] || return 0
	sort -r -- "$keep/folders" | while IFS= read -r d; do rmdir -- "$d" 2>/dev/null; done
	:
}
bad='' swapped=''
`

// replaceScript begins a script about files: with the functions, and restore, which
// puts all old files back and removes all new ones.
func replaceScript(keep string, files []replaced) *strings.Builder {
	var b strings.Builder
	b.WriteString("keep=" + guest.Quote(keep) + "\n" + replaceFunctions + "restore() {\n")
	for i, f := range files {
		b.WriteString("putback " + guest.Quote(strconv.Itoa(i+1), f.real) + "\n")
	}
	b.WriteString("unfold\n}\n")
	return &b
}

// installFiles is the script that puts staged files in place: all of them, or
// none.
func installFiles(keep string, staged []string, files []replaced) string {
	b := replaceScript(keep, files)
	b.WriteString("mkdir -p -- \"$keep\" || exit 1\n")
	b.WriteString("abort() {\nrestore\n[ -z \"$bad\" ] || exit " + strconv.Itoa(exitPutBack) + "\n" + forget(keep) + "\nexit 1\n}\n")
	for i, f := range files {
		b.WriteString("prepare " + guest.Quote(strconv.Itoa(i+1), f.real, staged[i], f.want.owner, f.want.mode) + " || abort\n")
	}
	b.WriteString("sync\n")
	for i, f := range files {
		b.WriteString("swap " + guest.Quote(strconv.Itoa(i+1), f.real) + " || abort\n")
	}
	b.WriteString("sync\nexit 0\n")
	return b.String()
}

// removeFiles is the script that puts the old files back. It changes nothing
// when one of them is no longer kept.
func removeFiles(keep string, files []replaced) string {
	b := replaceScript(keep, files)
	for i, f := range files {
		b.WriteString("swapped=\"$swapped " + strconv.Itoa(i+1) + " \"\n")
		if f.had.kind == fileThere {
			b.WriteString("kept " + strconv.Itoa(i+1) + " || exit " + strconv.Itoa(exitGone) + "\n")
		}
	}
	b.WriteString("restore\nsync\n[ -z \"$bad\" ] || exit " + strconv.Itoa(exitPutBack) + "\nexit 0\n")
	return b.String()
}

// forget is the command that removes the old files once they are back.
func forget(keep string) string {
	return "rm -rf -- " + guest.Quote(keep) + " && { rmdir -- " + guest.Quote(keepRoot, path.Dir(keepRoot)) + " 2>/dev/null; :; }"
}
