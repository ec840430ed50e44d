package patch

import (
	"fmt"

	"github.com/patchlab/patchlab/lab"
)

// codeClass is what an exit code says.
type codeClass int

const (
	codeFailed codeClass = iota + 1
	codeDone
	codeReboot        // done, with the next start
	codeAlready       // already installed
	codeNotApplicable // not for this machine
	codeBusy          // another installation is in progress: later
	codePermanent     // cannot be taken out
)

// windowsCode is an exit code of an installer of Windows, and what it means.
type windowsCode struct {
	class codeClass
	text  string
}

// windowsCodes is the table of exit codes: of msiexec ("Windows Installer
// error messages", MsiExec.exe and InstMsi.exe), of wusa ("Windows Update
// error codes", WU_S_… and WU_E_… of wuerror.h), and of DISM (CBS_E_… of
// cbsapi.h, and those of Windows, winerror.h, as HRESULT or bare).
func windowsCodes() map[uint32]windowsCode {
	return map[uint32]windowsCode{
		// all of them
		0:    {codeDone, "done"},
		3010: {codeReboot, "done, a reboot is needed"},                // ERROR_SUCCESS_REBOOT_REQUIRED
		1641: {codeReboot, "done, and the installer asked to reboot"}, // ERROR_SUCCESS_REBOOT_INITIATED
		5:    {codeFailed, "access is denied"},                        // ERROR_ACCESS_DENIED
		87:   {codeFailed, "a parameter is wrong"},                    // ERROR_INVALID_PARAMETER
		112:  {codeFailed, "the disk is full"},                        // ERROR_DISK_FULL
		1058: {codeFailed, "the service of Windows Update is disabled"},
		1223: {codeFailed, "it was cancelled"},               // ERROR_CANCELLED
		1726: {codeFailed, "a remote procedure call failed"}, // RPC_S_CALL_FAILED: DISM's host died
		// wusa
		0x00240005: {codeReboot, "done, a reboot is needed"},                             // WU_S_REBOOT_REQUIRED
		0x00240006: {codeAlready, "the update is already installed"},                     // WU_S_ALREADY_INSTALLED
		0x80240017: {codeNotApplicable, "the update is not applicable to this computer"}, // WU_E_NOT_APPLICABLE
		0x80240008: {codeFailed, "the update is not there"},                              // WU_E_ITEMNOTFOUND
		0x8024200b: {codeFailed, "the update's own installer failed"},                    // WU_E_UH_INSTALLERFAILURE
		0x80070422: {codeFailed, "the service of Windows Update is disabled"},            // ERROR_SERVICE_DISABLED
		0x80070005: {codeFailed, "access is denied"},                                     // E_ACCESSDENIED
		// DISM and the servicing of components
		0x800f081e: {codeNotApplicable, "the package is not applicable to this Windows"},          // CBS_E_NOT_APPLICABLE
		0x800f0825: {codePermanent, "Windows keeps the package for good (permanent)"},             // CBS_E_CANNOT_UNINSTALL
		0x800f0805: {codeFailed, "the package is not valid, or not installed"},                    // CBS_E_INVALID_PACKAGE
		0x800f0806: {codeFailed, "an earlier operation is pending: a reboot is needed first"},     // CBS_E_PENDING
		0x800f081f: {codeFailed, "the source files could not be found"},                           // CBS_E_SOURCE_MISSING
		0x800f0823: {codeFailed, "a newer servicing stack is needed first"},                       // CBS_E_NEW_SERVICING_STACK_REQUIRED
		0x800f0831: {codeFailed, "the component store is corrupt"},                                // CBS_E_STORE_CORRUPTION
		0x800f0838: {codeFailed, "an update that this one is built on is missing from the patch"}, // reported where a checkpoint update is missing
		0x800f0922: {codeFailed, "an installer of the package failed"},                            // CBS_E_INSTALLERS_FAILED
		0x80070002: {codeFailed, "a file is missing"},                                             // ERROR_FILE_NOT_FOUND
		0x80070003: {codeFailed, "a folder is missing"},                                           // ERROR_PATH_NOT_FOUND
		0x8007000d: {codeFailed, "the package is damaged"},                                        // ERROR_INVALID_DATA
		0x80070070: {codeFailed, "the disk is full"},                                              // ERROR_DISK_FULL
		0x80070bc9: {codeFailed, "an earlier operation is pending: a reboot is needed first"},     // ERROR_FAIL_REBOOT_REQUIRED
		0x80073701: {codeFailed, "the component store lacks a component"},                         // ERROR_SXS_ASSEMBLY_MISSING
		0x80073712: {codeFailed, "the component store is corrupt"},                                // ERROR_SXS_COMPONENT_STORE_CORRUPT
		// msiexec
		1601: {codeFailed, "the service of the Windows Installer cannot be reached"},               // ERROR_INSTALL_SERVICE_FAILURE
		1602: {codeFailed, "it was cancelled"},                                                     // ERROR_INSTALL_USEREXIT
		1603: {codeFailed, "a fatal error during installation"},                                    // ERROR_INSTALL_FAILURE
		1605: {codeNotApplicable, "the product is not installed"},                                  // ERROR_UNKNOWN_PRODUCT
		1612: {codeFailed, "the installation source is not there"},                                 // ERROR_INSTALL_SOURCE_ABSENT
		1618: {codeBusy, "another installation is in progress"},                                    // ERROR_INSTALL_ALREADY_RUNNING
		1619: {codeFailed, "the package cannot be opened"},                                         // ERROR_INSTALL_PACKAGE_OPEN_FAILED
		1620: {codeFailed, "the package is not valid"},                                             // ERROR_INSTALL_PACKAGE_INVALID
		1625: {codeFailed, "the system's policy forbids this installation"},                        // ERROR_INSTALL_PACKAGE_REJECTED
		1633: {codeNotApplicable, "the package is for another processor"},                          // ERROR_INSTALL_PLATFORM_UNSUPPORTED
		1635: {codeFailed, "the patch cannot be opened"},                                           // ERROR_PATCH_PACKAGE_OPEN_FAILED
		1636: {codeFailed, "the patch is not valid"},                                               // ERROR_PATCH_PACKAGE_INVALID
		1638: {codeNotApplicable, "another version of the product is installed"},                   // ERROR_PRODUCT_VERSION
		1639: {codeFailed, "an argument is wrong"},                                                 // ERROR_INVALID_COMMAND_LINE
		1642: {codeNotApplicable, "the product or the version that the patch is for is not there"}, // ERROR_PATCH_TARGET_NOT_FOUND
		1643: {codeFailed, "the system's policy forbids this patch"},                               // ERROR_PATCH_PACKAGE_REJECTED
		1646: {codePermanent, "the patch cannot be removed"},                                       // ERROR_PATCH_REMOVAL_UNSUPPORTED
		1647: {codeFailed, "the patch is not applied to the product"},                              // ERROR_UNKNOWN_PATCH
		1649: {codePermanent, "the system's policy forbids removing patches"},                      // ERROR_PATCH_REMOVAL_DISALLOWED
	}
}

// meaning looks up an exit code; one that is not known means failure.
func meaning(code uint32) windowsCode {
	m, ok := windowsCodes()[code]
	if !ok {
		return windowsCode{codeFailed, "for a reason this version does not know"}
	}
	return m
}

// codeText is a code as administrators look it up.
func codeText(code uint32) string {
	if code > 0xffff {
		return fmt.Sprintf("0x%08x", code)
	}
	return fmt.Sprint(code)
}

// codeOutcome is what an installer's exit code alone says, followed by why.
func codeOutcome(name string, code uint32, why string) lab.PatchOutcome {
	m := meaning(code)
	o := lab.PatchOutcome{ExitCode: int(code), Message: fmt.Sprintf("%s: %s (exit code %s)", name, m.text, codeText(code))}
	switch m.class {
	case codeDone, codeReboot:
		o.Status, o.RebootNeeded = lab.Applied, m.class == codeReboot
	case codeAlready:
		o.Status = lab.AlreadyInstalled
	case codeNotApplicable:
		o.Status = lab.NotApplicable
	default:
		o.Status = lab.PatchFailed
		if why != "" {
			o.Message += ": " + why
		}
	}
	return o
}
