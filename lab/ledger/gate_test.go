package ledger

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
)

// debOf is a Debian package, whose payload is content.
func debOf(t testing.TB, name, version, content string) []byte {
	t.Helper()
	var control bytes.Buffer
	w := tar.NewWriter(&control)
	text := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: a <a@example.com>\nDescription: x\n", name, version)
	must(t, w.WriteHeader(&tar.Header{Name: "./control", Mode: 0o644, Size: int64(len(text))}))
	_, err := w.Write([]byte(text))
	must(t, err)
	must(t, w.Close())
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, m := range [][2]string{{"debian-binary", "2.0\n"}, {"control.tar", control.String()}, {"data.tar", content}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "100644", len(m[1]), m[1])
		if len(m[1])%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// rpmOf is an RPM package without a signature.
func rpmOf(name, version, content string) []byte {
	var index, store []byte
	for tag, text := range map[uint32]string{1000: name, 1001: version, 1002: "1.el9", 1022: "x86_64"} {
		for _, n := range []uint32{tag, 6, uint32(len(store)), 1} {
			index = binary.BigEndian.AppendUint32(index, n)
		}
		store = append(append(store, text...), 0)
	}
	header := func(entries, size int) []byte {
		b := []byte("\x8e\xad\xe8\x01\x00\x00\x00\x00")
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, uint32(entries)), uint32(size))
	}
	lead := make([]byte, 96)
	copy(lead, "\xed\xab\xee\xdb\x03\x00")
	lead[79] = 5
	return slices.Concat(lead, header(0, 0), header(4, len(store)), index, store, []byte(content))
}

// scene is a host with a lab, and a folder with files that arrived.
type scene struct {
	*home
	t     *testing.T
	lab   *lab.Lab
	files string
	runs  int
}

func newScene(t *testing.T) *scene {
	web := &lab.Machine{Name: "web", MemoryMiB: 512}
	return &scene{
		home: newHome(t), t: t, files: t.TempDir(),
		lab: &lab.Lab{
			Name: "dental", Dir: "/labs/dental", Machines: []*lab.Machine{web},
			Networks: []*lab.Network{{Name: "office", Subnet: netip.MustParsePrefix("192.168.1.0/24")}},
		},
	}
}

// arrived writes a file and returns its path.
func (s *scene) arrived(name string, content []byte) string {
	s.t.Helper()
	path := filepath.Join(s.files, name)
	must(s.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(s.t, os.WriteFile(path, content, 0o600))
	return path
}

// pinned is a patch of files.
func (s *scene) pinned(paths ...string) lab.PatchRecord {
	s.t.Helper()
	rec := lab.PatchRecord{Name: "arrived", Kind: lab.PatchDeb, SHA256: sumText(strings.Join(paths, " "))}
	for _, path := range paths {
		f, err := readFile(path)
		must(s.t, err)
		rec.Files = append(rec.Files, f.FileRecord)
	}
	return rec
}

func (s *scene) present() lab.Fingerprint {
	s.t.Helper()
	now, err := Present(s.lab)
	must(s.t, err)
	return now
}

// tested keeps and enters a run of a patch of files, that starts now.
func (s *scene) tested(v lab.Verdict, paths ...string) *lab.Record {
	s.t.Helper()
	rec := s.kept(v, paths...)
	_, err := s.Enter(rec)
	must(s.t, err)
	return rec
}

func (s *scene) decided(kind Kind, end time.Time, paths ...string) {
	s.t.Helper()
	_, err := s.Decide(kind, s.lab, s.pinned(paths...), s.present(), Decision{By: "jane", Reason: "so", Until: end})
	must(s.t, err)
}

// gate fails unless each answer, in order, has the refusal that is wanted.
func (s *scene) gate(paths []string, want ...Refusal) []Answer {
	s.t.Helper()
	answers, err := s.Gate(Question{Lab: s.lab.Name, Now: s.present(), Files: paths, MaxAge: 30 * 24 * time.Hour})
	must(s.t, err)
	if len(answers) != len(want) {
		s.t.Fatalf("%d answers, want %d", len(answers), len(want))
	}
	for i, a := range answers {
		if a.Refusal != want[i] || a.Allowed != (want[i] == "") || a.File != paths[i] {
			s.t.Errorf("answer %d: %+v, want %q for %s", i, a, want[i], paths[i])
		}
	}
	return answers
}

// approved are the names of the files that Approved lists.
func (s *scene) approved() (names []string) {
	s.t.Helper()
	list, err := s.Approved(s.lab.Name, s.present(), 0)
	must(s.t, err)
	for _, e := range list.Approved {
		for _, f := range filesOut(e) {
			names = append(names, f.Name)
		}
	}
	return names
}

func TestGateReleasedAgain(t *testing.T) {
	s := newScene(t)
	bytes := debOf(t, "openssl", "3.0.17-1", "one")
	path := s.arrived("openssl.deb", bytes)
	s.gate([]string{path}, NeverTested)
	rec := s.tested(lab.Pass, path)
	got := s.gate([]string{path}, "")[0]
	if got.Run != rec.Run || !got.Time.Equal(rec.Started) || !strings.HasPrefix(got.Reason, `passed on lab "dental" (web) on 2026-11-0`) {
		t.Errorf("got %+v", got)
	}
	again := s.arrived("again/openssl.deb", append(bytes[:len(bytes)-1:len(bytes)-1], 'x'))
	renamed := s.arrived("renamed.deb", debOf(t, "openssl", "3.0.17-1", "two"))
	newer := s.arrived("newer.deb", debOf(t, "openssl", "3.0.18-1", "two"))
	copied := s.arrived("copied.bin", bytes)
	for _, a := range s.gate([]string{again, copied, renamed, newer, path}, OtherBytes, "", OtherBytes, NeverTested, "") {
		if a.Refusal == OtherBytes && (!strings.Contains(a.Reason, a.SHA256) || !strings.Contains(a.Reason, rec.Patch.Files[0].SHA256) ||
			!strings.Contains(a.Reason, rec.Run) || !strings.Contains(a.Reason, "which passed on") || a.Run != rec.Run) {
			t.Errorf("got %+v", a)
		}
	}
	if got := s.approved(); len(got) != 1 || got[0] != "openssl.deb" {
		t.Errorf("approved: %v", got)
	}
}

func TestGateReleasedAgainRPM(t *testing.T) {
	s := newScene(t)
	path := s.arrived("openssl.rpm", rpmOf("openssl", "3.0.17", "one"))
	rec := s.tested(lab.Pass, path)
	if f := rec.Patch.Files[0]; f.Package != "openssl" || f.Version != "3.0.17-1.el9" || f.Arch != "x86_64" {
		t.Fatalf("got %+v", f)
	}
	again := s.arrived("renamed.rpm", rpmOf("openssl", "3.0.17", "two"))
	newer := s.arrived("newer.rpm", rpmOf("openssl", "3.0.18", "two"))
	s.gate([]string{path, again, newer}, "", OtherBytes, NeverTested)
}

func TestGateDecisions(t *testing.T) {
	s := newScene(t)
	a, b := s.arrived("a.sh", []byte("a")), s.arrived("b.sh", []byte("b"))
	s.tested(lab.Fail, a, b)
	s.gate([]string{a, b}, DidFail, DidFail)
	s.decided(Approve, time.Time{}, a, b)
	s.gate([]string{b, a}, "", "")
	s.gate([]string{a}, NotAlone)
	s.decided(Reject, time.Time{}, b)
	s.gate([]string{a, b}, "", Rejected)
	if got := s.approved(); len(got) != 0 {
		t.Errorf("approved: %v", got)
	}
	s.tested(lab.Pass, a, b)
	s.gate([]string{a, b}, "", Rejected)
	s.decided(Approve, s.now.Add(1000*time.Hour), a, b)
	s.gate([]string{a, b}, "", "")
	s.now = s.now.Add(2000 * time.Hour)
	s.gate([]string{a, b}, Expired, Rejected)
}

func TestGateChangedLab(t *testing.T) {
	s := newScene(t)
	path := s.arrived("a.sh", []byte("a"))
	s.tested(lab.Pass, path)
	s.lab.Patches = []*lab.Patch{{Name: "another", Kind: lab.PatchScript, Script: "/a/b.sh"}}
	s.gate([]string{path}, "")
	s.lab.Machines[0].MemoryMiB = 256
	s.lab.Checks = []*lab.Check{{Name: "page", Spec: &lab.HTTPCheck{URL: "http://www/"}}}
	if got := s.gate([]string{path}, ChangedLab)[0]; !strings.Contains(got.Reason, `the lab has changed since: check "page" is new, machine "web" is other`) {
		t.Errorf("got %q", got.Reason)
	}
	if got := s.approved(); len(got) != 0 {
		t.Errorf("approved: %v", got)
	}
	s.tested(lab.Pass, path)
	s.gate([]string{path}, "")
}

func TestGateBrokenEvidence(t *testing.T) {
	for name, harm := range map[string]func(s *scene, rec *lab.Record) error{
		"a byte": func(_ *scene, rec *lab.Record) error {
			return os.WriteFile(filepath.Join(rec.Dir, "logs/web.log"), []byte("Booted\n"), 0o600)
		},
		"sums": func(_ *scene, rec *lab.Record) error {
			return os.WriteFile(filepath.Join(rec.Dir, sumsFile), nil, 0o600)
		},
		"a file": func(_ *scene, rec *lab.Record) error { return os.Remove(filepath.Join(rec.Dir, "report.html")) },
		"all":    func(_ *scene, rec *lab.Record) error { return os.RemoveAll(rec.Dir) },
		"runs":   func(s *scene, _ *lab.Record) error { return os.RemoveAll(s.Runs) },
		"more":   func(_ *scene, rec *lab.Record) error { return os.WriteFile(filepath.Join(rec.Dir, "more"), nil, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			path := s.arrived("a.sh", []byte("a"))
			rec := s.tested(lab.Pass, path)
			must(t, harm(s, rec))
			if got := s.gate([]string{path}, BrokenEvidence)[0]; got.Run != rec.Run {
				t.Errorf("got %+v", got)
			}
			if got := s.approved(); len(got) != 0 {
				t.Errorf("approved: %v", got)
			}
		})
	}
}

func TestGateTamperedLedger(t *testing.T) {
	s := newScene(t)
	path := s.arrived("a.sh", []byte("a"))
	s.tested(lab.Fail, path)
	lines := s.lines(t)
	last := len(lines) - 1
	lines[last] = strings.Replace(lines[last], `"verdict":"fail"`, `"verdict":"pass"`, 1)
	s.setLines(t, lines...)
	q := Question{Lab: s.lab.Name, Now: s.present(), Files: []string{path}}
	if got, err := s.Gate(q); !errors.Is(err, ErrTampered) || got != nil {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := s.Approved(q.Lab, q.Now, 0); !errors.Is(err, ErrTampered) || got.Approved != nil {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestGateUsage(t *testing.T) {
	s := newScene(t)
	file := s.arrived("a.sh", []byte("a"))
	pipe := filepath.Join(s.files, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	ask := func(q Question, text string) {
		t.Helper()
		got, err := s.Gate(q)
		wantUsage(t, err, text)
		if got != nil {
			t.Errorf("got %v", got)
		}
	}
	now := s.present()
	ask(Question{Lab: "dental", Now: now}, "no files")
	ask(Question{Now: now, Files: []string{file}}, "no lab")
	ask(Question{Lab: "dental", Now: now, Files: []string{file}, MaxAge: -1}, "no limit")
	_, err := s.Approved("dental", now, -1)
	wantUsage(t, err, "no limit")
	missing := filepath.Join(s.files, "missing\x1b[2J")
	ask(Question{Lab: "dental", Now: now, Files: []string{file, s.files, missing, pipe}}, s.files+" is a folder: give files")
	ask(Question{Lab: "dental", Now: now, Files: []string{file, s.files, missing, pipe}}, "missing: no such file")
	ask(Question{Lab: "dental", Now: now, Files: []string{file, s.files, missing, pipe}}, "pipe is no ordinary file")
	link := filepath.Join(s.files, "link")
	must(t, os.Symlink(file, link))
	s.tested(lab.Pass, file)
	s.gate([]string{link, file}, "", "")
	answers, err := s.Gate(Question{Lab: "dental", Files: []string{file}}) // Now was forgotten
	must(t, err)
	if answers[0].Refusal != ChangedLab {
		t.Errorf("got %+v", answers[0])
	}
}

func TestPresent(t *testing.T) {
	one := &lab.Patch{Name: "one", Kind: lab.PatchScript, Script: "/a/one.sh", Args: []string{"s3cret-word"}}
	two := &lab.Patch{Name: "two", Kind: lab.PatchScript, Script: "/a/two.sh"}
	file := filepath.Join(t.TempDir(), "schema.sql")
	must(t, os.WriteFile(file, []byte("create"), 0o600))
	web := &lab.Machine{Name: "web", Setup: &lab.Setup{Uploads: []lab.Upload{{Source: file, Dest: "/root/x"}}}}
	one.Targets = []*lab.Machine{web}
	l := &lab.Lab{Name: "dental", Dir: "/labs/dental", Machines: []*lab.Machine{web}, Secrets: []string{"s3cret-word"}, Patches: []*lab.Patch{one}}
	want, err := l.Fingerprint(one)
	must(t, err)
	got, err := Present(l)
	must(t, err)
	if got.SHA256 != want.SHA256 || got.Dir != want.Dir || len(got.Changed(want)) > 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	l.Patches = append(l.Patches, two)
	if got, err = Present(l); err != nil || len(got.Parts) != len(want.Parts)+1 || len(want.Changed(got)) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	must(t, os.Remove(file))
	_, err = Present(l)
	wantUsage(t, err, "schema.sql")
}

// TestGateFindsLines asks about one file at a time, and about each with many
// others, when all lines are read: those that are left out say nothing of it.
func TestGateFindsLines(t *testing.T) {
	s := newScene(t)
	var many []string
	for i := range fewFiles {
		many = append(many, s.arrived(fmt.Sprintf("more/%d.sh", i), []byte{byte(i)}))
	}
	odd := s.arrived("odd <&>\"'\u2028ü.sh", []byte("odd"))
	deb := s.arrived("x.deb", debOf(t, "openssl", "1", "one"))
	a, b, gone := s.arrived("a.sh", []byte("a")), s.arrived("b.sh", []byte("b")), s.arrived("gone.sh", []byte("gone"))
	for _, path := range []string{odd, deb, a, b} {
		s.tested(lab.Pass, path)
	}
	s.tested(lab.Fail, a)
	s.decided(Reject, time.Time{}, b, deb)
	must(t, s.Remove([]string{s.tested(lab.Pass, gone).Dir}))
	for path, want := range map[string]Refusal{
		odd: "", a: DidFail, b: Rejected, deb: Rejected, gone: "",
		s.arrived("copied.bin", []byte("a")):                               DidFail,
		s.arrived("renamed.bin", []byte("b")):                              Rejected,
		s.arrived("again/"+filepath.Base(odd), []byte("x")):                OtherBytes,
		s.arrived("y.deb", debOf(t, "openssl", "1", "two")):                OtherBytes,
		s.arrived("z.deb", debOf(t, "openssl", "2", "two")):                NeverTested,
		s.arrived("dd <&>\"'\u2028ü.sh", []byte("the end of a name only")): NeverTested,
	} {
		one := s.gate([]string{path}, want)[0]
		wants := append([]Refusal{want}, slices.Repeat([]Refusal{NeverTested}, len(many))...)
		if all := s.gate(append([]string{path}, many...), wants...)[0]; all.Reason != one.Reason {
			t.Errorf("alone: %s\nwith others: %s", one.Reason, all.Reason)
		}
	}
}

// TestGateAfterRetention has a record that the retention removed.
func TestGateAfterRetention(t *testing.T) {
	s := newScene(t)
	path := s.arrived("a.sh", []byte("a"))
	rec := s.tested(lab.Pass, path)
	must(t, s.Remove([]string{rec.Dir}))
	if got := s.gate([]string{path}, "")[0]; len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "no longer kept") {
		t.Errorf("got %+v", got)
	}
	s.tested(lab.Fail, path)
	s.gate([]string{path}, DidFail)
}

// TestGateAfterMergeOfNoRecord has a run of another host that came without its
// record.
func TestGateAfterMergeOfNoRecord(t *testing.T) {
	for v, want := range map[lab.Verdict]Refusal{lab.Pass: "", lab.Fail: DidFail} {
		here, there := newScene(t), newScene(t)
		path := here.arrived("a.sh", []byte("a"))
		own := here.tested(lab.Pass, path)
		there.now, there.runs = here.now.Add(time.Hour), 100
		theirs := there.tested(v, path)
		must(t, os.RemoveAll(there.Runs))
		here.merge(t, there.home)
		here.now = there.now
		got := here.gate([]string{path}, want)[0]
		if want == "" && (got.Run != own.Run || len(got.Notes) != 1 || !strings.Contains(got.Notes[0], theirs.Run)) {
			t.Errorf("got %+v", got)
		}
		must(t, os.RemoveAll(own.Dir)) // not so this host's own
		if want == "" {
			here.gate([]string{path}, BrokenEvidence)
		}
	}
}

// TestGateAfterMerge has the runs and decisions of another host.
func TestGateAfterMerge(t *testing.T) {
	here, there := newScene(t), newScene(t)
	there.now = here.now.Add(30 * time.Minute)
	path, other := there.arrived("a.sh", []byte("a")), there.arrived("b.sh", []byte("b"))
	there.runs = 100 // ids of runs differ between hosts
	rec := there.tested(lab.Pass, path)
	there.tested(lab.Pass, other)
	here.now = there.now
	here.gate([]string{path, other}, NeverTested, NeverTested)
	here.merge(t, there.home)
	if got := here.gate([]string{path, other}, "", "")[0]; got.Run != rec.Run {
		t.Errorf("got %+v", got)
	}
	there.now = here.now
	there.decided(Reject, time.Time{}, other)
	here.merge(t, there.home)
	here.gate([]string{path, other}, "", Rejected)
	must(t, os.WriteFile(filepath.Join(here.Runs, rec.Lab, rec.Run, "report.html"), []byte("<b>"), 0o600))
	here.gate([]string{path, other}, BrokenEvidence, Rejected)
	here.tested(lab.Fail, path)
	here.gate([]string{path}, DidFail)
}
