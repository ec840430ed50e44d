package patch

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

const (
	oldRollup = "Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.2340.1.6"
	newRollup = "Package_for_RollupFix~31bf3856ad364e35~amd64~~20348.2402.1.5"
	newStack  = "Package_for_ServicingStack_2400~31bf3856ad364e35~amd64~~20348.2400.1.0"
)

const (
	updateBefore = "build\t20348.2340\npackage\t" + oldRollup + "\tInstalled\nhotfix\tKB5034770\n"
	updateAfter  = "build\t20348.2340\npackage\t" + oldRollup + "\tInstalled\npackage\t" + newStack + "\tInstalled\npackage\t" + newRollup + "\tInstallPending\nhotfix\tKB5034770\n"
	updateIn     = "build\t20348.2402\r\npackage\t" + oldRollup + "\tSuperseded\r\npackage\t" + newStack + "\tInstalled\r\npackage\t" + newRollup + "\tInstalled\r\nhotfix\tKB5036909\r\n"
)

const msuName = "windows10.0-kb5036909-x64 (1).msu"

func TestApplyMSU(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSU, msuName)
		var log strings.Builder
		o, err := Applier{}.Apply(t.Context(), p, m, &log, nil)
		wantOutcome(t, o, err, lab.Applied, "a reboot is needed (exit code 3010); Package_for_RollupFix")
		want := []lab.PackageChange{
			{Name: "Package_for_RollupFix", From: "20348.2340.1.6", To: "20348.2402.1.5"},
			{Name: "Package_for_ServicingStack_2400", To: "20348.2400.1.0"},
		}
		if !o.RebootNeeded || !o.Started || !reflect.DeepEqual(o.Packages, want) {
			t.Errorf("%+v", o)
		}
		if want := []string{`C:\ProgramData\patchlab-stage\RANDOM\windows10.0-kb5036909-x64_1_.msu`}; !reflect.DeepEqual(m.uploads, want) || m.settled != 2 {
			t.Errorf("uploads %q, %d times at rest", m.uploads, m.settled)
		}
		if log.String() != "Installing\n" {
			t.Errorf("log %q", log.String())
		}
		in, message, err := Applier{}.Confirm(t.Context(), p, m, o)
		if want := newRollup + ", " + newStack + " installed; build 20348.2340 is now 20348.2402"; !in || message != want || err != nil {
			t.Error(in, message, err)
		}
		in, message, err = Applier{}.Confirm(t.Context(), p, m, o)
		if want := newRollup + " is none; build 20348.2340"; in || message != want || err != nil {
			t.Error(in, message, err)
		}
		b, err := Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.TakenOut, "a reboot is needed")
		if want := []lab.PackageChange{{Name: "Package_for_RollupFix", From: "20348.2402.1.5", To: "20348.2340.1.6"}}; !reflect.DeepEqual(b.Packages, want) {
			t.Errorf("%+v", b.Packages)
		}
	},
		one("make", ""), one("packages", updateBefore), task("start-wusa", "logs-wusa", "3010", "Installing\n"), one("packages", updateAfter), one("clean", ""),
		one("packages", updateIn), one("packages", updateBefore),
		one("make", ""), one("packages", updateIn), task("start-remove", "logs-dism", "3010", ""),
		one("packages", strings.ReplaceAll(strings.ReplaceAll(updateIn, newRollup+"\tInstalled", newRollup+"\tUninstallPending"), "Superseded", "Installed")), one("clean", ""))
}

// TestApplyMSUCodes has wusa end in each way.
func TestApplyMSUCodes(t *testing.T) {
	for _, c := range []struct {
		end, after string
		status     lab.PatchStatus
		words      string
	}{
		{"2359302", updateBefore, lab.AlreadyInstalled, "already installed (exit code 0x00240006)"},
		{"-2145124329", updateBefore, lab.NotApplicable, "not applicable to this computer (exit code 0x80240017)"},
		{"2149842967", updateBefore, lab.NotApplicable, "(exit code 0x80240017)"},
		{"0", updateBefore, lab.PatchFailed, "but no package has changed"},
		{"0", strings.ReplaceAll(updateAfter, "InstallPending", "Installed"), lab.Applied, newRollup},
		{"3010", updateBefore, lab.Applied, "a reboot is needed"},
		{"5", updateBefore, lab.PatchFailed, "access is denied (exit code 5): Error: 0x5 why"},
		{"77", updateBefore, lab.PatchFailed, "does not know (exit code 77)"},
		{"cannot run it: no such file", updateBefore, lab.PatchFailed, "wusa: cannot run it: no such file"},
		{"99999999999", updateBefore, lab.PatchFailed, "99999999999"},
	} {
		t.Run(c.end, func(t *testing.T) {
			inWindows(t, func(t *testing.T, m *windowsMachine) {
				o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSU, msuName), m, nil, nil)
				wantOutcome(t, o, err, c.status, c.words)
			}, one("make", ""), one("packages", updateBefore), task("start-wusa", "logs-wusa", c.end, "Error: 0x5\r\n\r\nwhy\r\n"), one("packages", c.after), one("clean", ""))
		})
	}
}

// TestApplyCheckpoints gives DISM the newest of several.
func TestApplyCheckpoints(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSU, "windows11.0-kb5043080-x64.msu", "windows11.0-kb5052093-x64.msu")
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.Applied, newRollup)
		if len(m.uploads) != 2 {
			t.Errorf("uploads %q", m.uploads)
		}
	}, one("make", ""), one("packages", updateBefore), task("start-checkpoint", "logs-dism", "3010", ""), one("packages", updateAfter), one("clean", ""))
}

func TestApplyCAB(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchCAB, "x.cab")
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.NotApplicable, "not applicable to this Windows (exit code 0x800f081e)")
		o, err = Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.AlreadyInstalled, "nothing has changed")
	},
		one("make", ""), one("packages", updateBefore), task("start-cab", "logs-dism", "-2146498530", ""), one("packages", updateBefore), one("clean", ""),
		one("make", ""), one("packages", updateBefore), task("start-cab", "logs-dism", "0", ""), one("packages", updateBefore), one("clean", ""))
}

func TestBackoutOfWhatStays(t *testing.T) {
	p := &lab.Patch{Name: "p", Kind: lab.PatchMSU, Timeout: time.Hour}
	applied := lab.PatchOutcome{Status: lab.Applied}
	for words, undo := range map[string]any{
		"servicing stack":  updateUndo{added: []string{newStack}},
		"not known which":  nil,
		"has the name a&b": updateUndo{added: []string{"a&b"}},
	} {
		var replay [][]windowsExchange
		if strings.Contains(words, "name") {
			replay = [][]windowsExchange{one("make", ""), one("packages", updateIn), one("clean", "")}
		}
		inWindows(t, func(t *testing.T, m *windowsMachine) {
			applied.Undo = undo
			b, err := Applier{}.Backout(t.Context(), p, m, applied, nil, nil)
			wantBackout(t, b, err, lab.CannotTakeOut, words)
		}, replay...)
	}
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		applied.Undo = updateUndo{added: []string{newRollup}}
		b, err := Applier{}.Backout(t.Context(), p, m, applied, nil, nil)
		wantBackout(t, b, err, lab.CannotTakeOut, "keeps the package for good")
	}, one("make", ""), one("packages", updateIn), task("start-remove", "logs-dism", "-2146498523", ""), one("clean", ""))
}

// TestTaskThatDoesNotEnd is killed after the patch's timeout.
func TestTaskThatDoesNotEnd(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSU, msuName)
		p.Timeout = 13 * time.Second
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.PatchFailed, "wusa did not finish within 13s and was killed")
	}, one("make", ""), one("packages", updateBefore), one("start-13s", ""),
		one("poll", "runs\t\n"), one("poll", "runs\tTiWorker\n"), one("poll", "runs\tTiWorker\n"),
		one("logs-wusa", ""), one("stop", ""), one("packages", updateBefore), one("clean", ""))
}

// TestTaskThatVanishes has the machine restart under it.
func TestTaskThatVanishes(t *testing.T) {
	lost := &lab.GuestError{Machine: "pc", Op: "run a command on", Err: errors.New("lost")}
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSU, msuName), m, nil, nil)
		wantOutcome(t, o, err, lab.PatchFailed, `without an exit code: the task is in state "Ready"`)
	}, one("make", ""), one("packages", updateBefore), one("start-wusa", ""),
		one("poll", "gone\tearly\n"), one("poll", "runs\t\n"), []windowsExchange{{script: "poll", err: lost}},
		one("poll", "gone\tthe task is in state \"Ready\"\n"), one("poll", "gone\tthe task is in state \"Ready\"\n"),
		one("logs-wusa", ""), one("stop", ""), one("packages", updateBefore), one("clean", ""))
}

// TestTaskOfALostMachine gives up after a while, and still tries to clean up.
func TestTaskOfALostMachine(t *testing.T) {
	lost := &lab.GuestError{Machine: "pc", Op: "run a command on", Err: errors.New("lost")}
	var polls []windowsExchange
	for range 122 {
		polls = append(polls, windowsExchange{script: "poll", err: lost})
	}
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSU, msuName), m, nil, nil)
		if !errors.Is(err, lost) || !o.Started {
			t.Errorf("%+v, %v", o, err)
		}
	}, one("make", ""), one("packages", updateBefore), one("start-wusa", ""), polls,
		[]windowsExchange{{script: "stop", err: lost}}, one("clean", ""))
}

// TestTaskInterrupted removes the task all the same.
func TestTaskInterrupted(t *testing.T) {
	why := errors.New("interrupted")
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(3*time.Second, func() { cancel(why) })
		if _, err := (Applier{}).Apply(ctx, windowsPatch(t, lab.PatchMSU, msuName), m, nil, nil); !errors.Is(err, why) {
			t.Errorf("error %v", err)
		}
	}, one("make", ""), one("packages", updateBefore), one("start-wusa", ""), one("poll", "runs\t\n"), one("stop", ""), one("clean", ""))
}

func TestWindowsPending(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		pending, reason, err := Applier{}.RebootPending(t.Context(), m)
		if !pending || reason != "Windows Update asks for it; an update asks for it (UpdateExeVolatile)" || err != nil {
			t.Error(pending, reason, err)
		}
		if pending, reason, err = (Applier{}).RebootPending(t.Context(), m); pending || reason != "" || err != nil {
			t.Error(pending, reason, err)
		}
		services, err := Applier{}.Stale(t.Context(), m)
		if !reflect.DeepEqual(services, []string{"Dnscache", "Spooler"}) || err != nil {
			t.Error(services, err)
		}
	}, one("pending", "Windows Update asks for it\nan update asks for it (UpdateExeVolatile)\n"), one("pending", ""), one("stale", "Spooler\r\nDnscache\nSpooler\n"))
}

func TestUpdateFix(t *testing.T) {
	for name, want := range map[string]string{
		"/a/windows10.0-KB5036909-x64.msu": "KB5036909", `C:\x\Windows11.0-kb5043080.msu`: "KB5043080",
		"kb12345.msu": "", "akb5036909.msu": "", "x.cab": "",
	} {
		if got := updateFix(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestMissing knows Windows versions that share their updates.
func TestMissing(t *testing.T) {
	s := servicing{build: "20349.2402", packages: map[string]string{newRollup: packageInstalled}}
	if why := s.missing([]string{newRollup}); why != "" {
		t.Error(why)
	}
	s.build = "20348.2340"
	if why := s.missing([]string{newRollup}); why != "the build is 20348.2340, not revision 2402" {
		t.Error(why)
	}
}

// TestWindowsNames has files whose names would be one on Windows.
func TestWindowsNames(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSU, "A b.msu", "a_B.msu")
		j := Applier{}.job(p, m, nil, nil)
		if _, err := j.windowsStage(t.Context()); err != nil {
			t.Fatal(err)
		}
		stage := `C:\ProgramData\patchlab-stage\RANDOM\`
		if want := []string{stage + "A_b.msu", stage + "2_a_B.msu"}; !reflect.DeepEqual(m.uploads, want) {
			t.Errorf("uploads %q", m.uploads)
		}
	}, one("make", ""))
	for in, want := range map[string]string{"/x/-quiet.exe": "quiet.exe", "/x/..": "file", "/x/ä b.msi": "_b.msi"} {
		if got := windowsName(in); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}
