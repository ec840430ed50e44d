package virt

import (
	"encoding/json"
	"fmt"
	"os"

	"libvirt.org/go/libvirt"
)

// execute runs a command of QEMU's monitor (QMP), for what libvirt has no call
// for. arguments may be nil, and so may result, which the answer is stored in;
// file is handed to QEMU with the command unless it is nil. libvirt takes note
// of such a machine as "tainted: custom-monitor".
func execute(d *libvirt.Domain, command string, arguments map[string]any, result any, file *os.File) error {
	b, err := json.Marshal(struct {
		Execute   string         `json:"execute"`
		Arguments map[string]any `json:"arguments,omitempty"`
	}{command, arguments})
	if err != nil {
		return fmt.Errorf("cannot ask QEMU to %s: %w", command, err)
	}
	var answer string
	if file == nil {
		answer, err = d.QemuMonitorCommand(string(b), libvirt.DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT)
	} else {
		answer, _, err = d.QemuMonitorCommandWithFiles(string(b), []os.File{*file}, libvirt.DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT)
	}
	if err == nil {
		err = parseAnswer(answer, result)
	}
	if err != nil {
		return fmt.Errorf("QEMU's %s failed: %w", command, err)
	}
	return nil
}

// parseAnswer stores what a QMP answer returns in result, unless that is nil.
func parseAnswer(answer string, result any) error {
	var a struct {
		Return json.RawMessage `json:"return"`
		Error  *struct {
			Desc string `json:"desc"`
		} `json:"error"`
	}
	switch err := json.Unmarshal([]byte(answer), &a); {
	case err != nil:
		return fmt.Errorf("answer %.200q: %w", answer, err)
	case a.Error != nil:
		return fmt.Errorf("%.500q", a.Error.Desc)
	case a.Return == nil:
		return fmt.Errorf("answer %.200q returns nothing", answer)
	case result == nil:
		return nil
	}
	return json.Unmarshal(a.Return, result)
}
