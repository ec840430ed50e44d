package snapshots

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/filesystem/iso9660"
)

func testFirstBoot() firstBoot {
	return firstBoot{
		InstanceID: "0123abcd-web", Machine: testLab().Machines[0],
		HostKeyPrivate: "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n",
		HostKeyPublic:  "ssh-ed25519 AAAA", AuthorizedKeys: []string{"ssh-ed25519 BBBB"},
	}
}

func TestFirstBootFiles(t *testing.T) {
	files, err := testFirstBoot().files()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		golden(t, name, string(data))
	}
}

// No name can add to the documents' structure.
func TestFirstBootQuotes(t *testing.T) {
	f := testFirstBoot()
	m := *f.Machine
	m.Name = "web\"\nruncmd: [reboot]\n"
	f.Machine = &m
	files, err := f.files()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(files["user-data"][len("#cloud-config\n"):], &doc); err != nil {
		t.Fatal(err)
	}
	if _, ok := doc["runcmd"]; ok || doc["hostname"] != m.Name {
		t.Errorf("user-data is %v", doc)
	}
}

func TestWriteCidata(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cidata.iso")
	files, err := testFirstBoot().files()
	if err != nil {
		t.Fatal(err)
	}
	if err := writeCidata(path, files); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || info.Size()%2048 != 0 {
		t.Errorf("disk is %v (%v)", info, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	iso, err := iso9660.Read(file.New(f, true), isoBytes, 0, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if got := iso.Label(); got != fmt.Sprintf("%-32s", "cidata") {
		t.Errorf("label is %q, want cidata and spaces", got)
	}
	for name, want := range files {
		in, err := iso.OpenFile("/"+name, os.O_RDONLY)
		if err != nil {
			t.Errorf("cannot open %s: %v", name, err)
			continue
		}
		got, err := io.ReadAll(in)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s is %q (%v)", name, got, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := writeCidata(path, files); err == nil {
		t.Error("a disk that is there was overwritten")
	}
}

func TestKeyPair(t *testing.T) {
	pair, err := newKeyPair("x")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, pair.private, 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := readSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	if line(signer.PublicKey()) != line(pair.public) {
		t.Error("the two halves do not belong together")
	}
}

func TestClientKeyOncePerLab(t *testing.T) {
	s, _ := testStore(t)
	one, path, err := s.clientKey(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := s.clientKey(t.Context(), "dental")
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := s.clientKey(t.Context(), "smithy")
	if err != nil {
		t.Fatal(err)
	}
	if line(one.PublicKey()) != line(two.PublicKey()) || line(one.PublicKey()) == line(other.PublicKey()) {
		t.Error("a lab has not exactly one key of its own")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key is %v (%v), want mode 0600", info, err)
	}
	for _, bad := range []string{"", "..", "a/b", ".hidden", "-x"} {
		if _, _, err := s.clientKey(t.Context(), bad); err == nil {
			t.Errorf("lab name %q was taken", bad)
		}
	}
}
