package patch

import (
	"reflect"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

const (
	appCode   = "{12345678-90AB-CDEF-1234-567890ABCDEF}"
	appPacked = "87654321BA09FEDC2143658709BADCFE"
	fixCode   = "{AAAAAAAA-0000-0000-0000-00000000000B}"
	fixPacked = "AAAAAAAA0000000000000000000000B0"

	noProducts = "program\tEdge\t1.0\tMicrosoft Edge\t\n"
	appOne     = "product\t" + appPacked + "\t1.0.0\tFront Desk\r\n" + noProducts
	appTwo     = "product\t" + appPacked + "\t2.0.0\tFront Desk\r\n" + noProducts
	appFixed   = appOne + "patch\t" + appPacked + "\t" + fixPacked + "\t1\t1\n"
	aboutTwo   = "product\t" + appCode + "\t2.0.0\tFront Desk\n"
	aboutFix   = "patch\t" + fixCode + "{BBBBBBBB-0000-0000-0000-00000000000B}\t" + appCode + ";{CCCCCCCC-0000-0000-0000-00000000000B}\n"
)

func TestApplyMSI(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSI, "app.msi")
		p.Args = []string{"INSTALLDIR=C:\\Program Files\\it's", "ADDLOCAL=ALL"}
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.Applied, "installed Front Desk 2.0.0")
		if want := []lab.PackageChange{{Name: "Front Desk", To: "2.0.0"}}; !reflect.DeepEqual(o.Packages, want) || o.RebootNeeded {
			t.Errorf("%+v", o)
		}
		in, message, err := Applier{}.Confirm(t.Context(), p, m, o)
		if !in || message != "installed: Front Desk 2.0.0" || err != nil {
			t.Error(in, message, err)
		}
		in, message, err = Applier{}.Confirm(t.Context(), p, m, o)
		if in || message != "Front Desk is 1.0.0, not 2.0.0" || err != nil {
			t.Error(in, message, err)
		}
		b, err := Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.TakenOut, "done")
		b, err = Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.BackoutFailed, "Front Desk is still installed")
	},
		one("make", ""), one("products", noProducts), one("about-msi", aboutTwo), task("start-msi", "logs-msi", "0", ""), one("products", appTwo), one("products", appTwo), one("clean", ""),
		one("products", appTwo), one("products", appOne),
		one("make", ""), one("products", appTwo), task("start-uninstall", "logs-msi", "0", ""), one("products", noProducts), one("clean", ""),
		one("make", ""), one("products", appTwo), task("start-uninstall", "logs-msi", "0", ""), one("products", appTwo), one("clean", ""))
}

// TestApplyMSIOverAnother replaces an older version under the same code.
func TestApplyMSIOverAnother(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSI, "app.msi")
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.Applied, "installed Front Desk 2.0.0")
		b, err := Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.CannotTakeOut, "took the place of Front Desk 1.0.0")
	}, one("make", ""), one("products", appOne), one("about-msi", aboutTwo), task("start-msi-minor", "logs-msi", "3010", ""), one("products", appTwo), one("products", appTwo), one("clean", ""))
}

func TestApplyMSIWithoutWork(t *testing.T) {
	for about, want := range map[string]lab.PatchStatus{aboutTwo: lab.AlreadyInstalled, "product\tnonsense\t\t\n": lab.PatchFailed, "": lab.PatchFailed} {
		inWindows(t, func(t *testing.T, m *windowsMachine) {
			o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSI, "app.msi"), m, nil, nil)
			wantOutcome(t, o, err, want, "")
		}, one("make", ""), one("products", appTwo), one("about-msi", about), one("products", appTwo), one("clean", ""))
	}
}

// TestBusyInstaller waits for another installation, with a limit.
func TestBusyInstaller(t *testing.T) {
	busy := task("start-msi-plain", "logs-msi", "1618", "")
	for name, c := range map[string]struct {
		tries  [][]windowsExchange
		after  string
		status lab.PatchStatus
		words  string
	}{
		"then free": {[][]windowsExchange{busy, task("start-msi-plain", "logs-msi", "0", "")}, appTwo, lab.Applied, ""},
		"for ever":  {[][]windowsExchange{busy, busy, busy, busy}, noProducts, lab.PatchFailed, "another installation is in progress (exit code 1618)"},
		"fails":     {[][]windowsExchange{task("start-msi-plain", "logs-msi", "1603", "MSI (s) x\r\nError 1920. Service 'Desk' failed to start.\r\n")}, noProducts, lab.PatchFailed, "fatal error during installation (exit code 1603): Error 1920. Service 'Desk' failed"},
	} {
		t.Run(name, func(t *testing.T) {
			replay := append([][]windowsExchange{one("make", ""), one("products", noProducts), one("about-msi", aboutTwo)}, c.tries...)
			replay = append(replay, one("products", c.after), one("products", c.after), one("clean", ""))
			inWindows(t, func(t *testing.T, m *windowsMachine) {
				o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSI, "app.msi"), m, nil, nil)
				wantOutcome(t, o, err, c.status, c.words)
			}, replay...)
		})
	}
}

func TestApplyMSP(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		p := windowsPatch(t, lab.PatchMSP, "fix.msp")
		o, err := Applier{}.Apply(t.Context(), p, m, nil, nil)
		wantOutcome(t, o, err, lab.Applied, "patched Front Desk")
		in, message, err := Applier{}.Confirm(t.Context(), p, m, o)
		if !in || message != "patched: Front Desk" || err != nil {
			t.Error(in, message, err)
		}
		if in, message, err = (Applier{}).Confirm(t.Context(), p, m, o); in || message != "Front Desk does not have patch "+fixCode || err != nil {
			t.Error(in, message, err)
		}
		b, err := Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.TakenOut, "")
		b, err = Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.CannotTakeOut, "the patch cannot be removed (exit code 1646)")
		b, err = Applier{}.Backout(t.Context(), p, m, o, nil, nil)
		wantBackout(t, b, err, lab.CannotTakeOut, "says of itself that it cannot be removed from Front Desk")
	},
		one("make", ""), one("products", appOne), one("about-msp", aboutFix), task("start-msp", "logs-msi", "0", ""), one("products", appFixed), one("products", appFixed), one("clean", ""),
		one("products", appFixed), one("products", appOne),
		one("products", appFixed), one("make", ""), one("products", appFixed), task("start-msp-remove", "logs-msi", "0", ""), one("products", appOne), one("clean", ""),
		one("products", appFixed), one("make", ""), one("products", appFixed), task("start-msp-remove", "logs-msi", "1646", ""), one("clean", ""),
		one("products", appFixed[:len(appFixed)-2]+"0\n"))
}

func TestApplyMSPWithoutWork(t *testing.T) {
	for _, c := range []struct {
		products, about string
		status          lab.PatchStatus
	}{
		{noProducts, aboutFix, lab.NotApplicable},
		{appFixed, aboutFix, lab.AlreadyInstalled},
		{appOne, "patch\tnonsense\t\n", lab.PatchFailed},
	} {
		inWindows(t, func(t *testing.T, m *windowsMachine) {
			o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSP, "fix.msp"), m, nil, nil)
			wantOutcome(t, o, err, c.status, "")
		}, one("make", ""), one("products", c.products), one("about-msp", c.about), one("products", c.products), one("clean", ""))
	}
}

// TestApplyMSPNotIn has msiexec report a success that is none.
func TestApplyMSPNotIn(t *testing.T) {
	inWindows(t, func(t *testing.T, m *windowsMachine) {
		o, err := Applier{}.Apply(t.Context(), windowsPatch(t, lab.PatchMSP, "fix.msp"), m, nil, nil)
		wantOutcome(t, o, err, lab.PatchFailed, "does not have patch")
	}, one("make", ""), one("products", appOne), one("about-msp", aboutFix), task("start-msp", "logs-msi", "0", ""), one("products", appOne), one("products", appOne), one("clean", ""))
}

func TestUnpackCode(t *testing.T) {
	for packed, want := range map[string]string{appPacked: appCode, fixPacked: fixCode, "short": "short", "": ""} {
		if got := unpackCode(packed); got != want {
			t.Errorf("%s: %s, want %s", packed, got, want)
		}
	}
}

func TestWindowsArguments(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"/quiet", "a b", ""}, `/quiet "a b" ""`},
		{[]string{`C:\a b\`, `C:\a\`}, `"C:\a b\\" C:\a\`},
		{[]string{`say "x"`, `\"`}, `"say \"x\"" "\\\""`},
	} {
		if got := windowsArguments(c.words); got != c.want {
			t.Errorf("%q gives %s, want %s", c.words, got, c.want)
		}
	}
	for in, want := range map[string]string{"A=b": "A=b", "A=b c": `A="b c"`, `A=b "c"`: `A="b ""c"""`, "/x y": `"/x y"`, "a b=c": `"a b=c"`} {
		if got := msiArgument(in); got != want {
			t.Errorf("%q gives %s, want %s", in, got, want)
		}
	}
}
