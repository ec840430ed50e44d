package snapshots

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/patchlab/patchlab/lab/agent"
)

// consoleEnds are the last words of machines that will never answer, as their
// firmware, boot loader and kernel print them, with what each means. A
// machine that prints them and lives on is known by its answering.
var consoleEnds = []struct{ text, meaning string }{
	{"No bootable device.", "its firmware finds no bootable device"},                            // SeaBIOS
	{"BdsDxe: No bootable option or device was found", "its firmware finds no bootable device"}, // OVMF
	{"grub rescue>", "its boot loader cannot find its files"},
	{"Kernel panic - not syncing", "its kernel panicked"},
	{"You are in emergency mode", "it boots into emergency mode"}, // systemd's sulogin
	{"(initramfs) ", "its initramfs cannot find the root file system"},
}

// consoleVerdict looks for last words in the last 8 KiB of a console log. A
// log that cannot be read has none.
func consoleVerdict(path string) error {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	const last = 8 << 10
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-last), io.SeekStart)
	}
	text, err := io.ReadAll(io.LimitReader(f, last))
	if err != nil {
		return nil
	}
	text = sinceMark(text)
	for _, end := range consoleEnds {
		if bytes.Contains(text, []byte(end.text)) {
			return errors.New(end.meaning)
		}
	}
	return nil
}

// sinceMark is what a console printed since the machine was last taken back to
// a saved state, or all of it.
func sinceMark(text []byte) []byte {
	if i := bytes.LastIndex(text, []byte(agent.ConsoleMark)); i >= 0 {
		return text[i+len(agent.ConsoleMark):]
	}
	return text
}
