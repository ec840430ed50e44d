package patch

import (
	"context"
	"fmt"

	"github.com/patchlab/patchlab/lab"
)

// kind is what there is to know of one kind of patch.
type kind struct {
	// os is what the kind is for; empty: all.
	os lab.OS
	// apply stages the patch and applies it.
	apply func(ctx context.Context, j *job) (lab.PatchOutcome, error)
	// confirm looks whether the patch, applied with outcome o, is in.
	confirm func(ctx context.Context, j *job, o lab.PatchOutcome) (in bool, message string, err error)
	// backout takes the patch, applied with outcome o, out again.
	backout func(ctx context.Context, j *job, o lab.PatchOutcome) (lab.BackoutOutcome, error)
	// check looks at one of the patch's Files before anything is made; nil:
	// anything will do.
	check func(path string) error
}

// kinds is the table of kinds.
func kinds() map[lab.PatchKind]kind {
	return map[lab.PatchKind]kind{
		lab.PatchDeb:    {lab.Linux, applyDebs, confirmDebs, backoutDebs, checkDebFile},
		lab.PatchApt:    {lab.Linux, applyApt, confirmApt, backoutApt, nil},
		lab.PatchRPM:    {lab.Linux, applyRPM, confirmRPM, backoutRPM, checkKind(lab.PatchRPM)},
		lab.PatchDNF:    {lab.Linux, applyRPM, confirmRPM, backoutRPM, nil},
		lab.PatchZypper: {lab.Linux, applyRPM, confirmRPM, backoutRPM, nil},
		lab.PatchScript: {"", applyScript, confirmScript, backoutScript, nil},
		lab.PatchFile:   {"", applyFiles, confirmFiles, backoutFiles, nil},
		lab.PatchMSU:    {lab.Windows, applyMSU, confirmMSU, backoutMSU, checkKind(lab.PatchMSU)},
		lab.PatchCAB:    {lab.Windows, applyCAB, confirmCAB, backoutCAB, checkKind(lab.PatchCAB)},
		lab.PatchMSP:    {lab.Windows, applyMSP, confirmMSP, backoutMSP, checkKind(lab.PatchMSP)},
		lab.PatchMSI:    {lab.Windows, applyMSI, confirmMSI, backoutMSI, checkKind(lab.PatchMSI)},
		lab.PatchEXE:    {lab.Windows, applyEXE, confirmEXE, backoutEXE, checkKind(lab.PatchEXE)},
		lab.PatchBatch:  {"", applyBatch, confirmBatch, backoutBatch, nil},
	}
}

// misfit says why a machine cannot take a patch of this kind at all; empty
// when it can.
func (k kind) misfit(p *lab.Patch, m *lab.Machine) string {
	if k.os == "" || k.os == osOf(m) {
		return ""
	}
	return fmt.Sprintf("a patch of kind %q is for %s machines, this one runs %s", p.Kind, osName(k.os), osName(osOf(m)))
}

func osName(os lab.OS) string {
	if os == lab.Windows {
		return "Windows"
	}
	return "Linux"
}
