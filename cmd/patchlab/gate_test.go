package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/patchlab/patchlab/lab"
	"github.com/patchlab/patchlab/lab/ledger"
)

// A lab that is named is never answered for by another one whose definition
// stands in its folder now.
func TestPresentOfAFolderThatIsAnotherLabs(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"def/lab.hcl": `
lab "mill" {}
image "server" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}
network "n" { subnet = "10.0.0.0/24" }
machine "web" {
  image = image.server
  nic { network = network.n }
}
check "page" {
  tcp {
    host = "web"
    port = 80
  }
}
`, "runs/shop/20261123-000000-abcd/run.json": "{}",
	})
	g := &ledger.Ledger{Dir: filepath.Join(dir, "ledger"), Runs: filepath.Join(dir, "runs"), Host: "h"}
	rec := &lab.Record{
		Version: lab.RecordVersion, Lab: "shop", Run: "20261123-000000-abcd", Started: time.Now(), Verdict: lab.Pass,
		Dir:        filepath.Join(dir, "runs", "shop", "20261123-000000-abcd"),
		Definition: lab.Fingerprint{Dir: filepath.Join(dir, "def")},
	}
	if err := ledger.WriteSums(rec.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Enter(rec); err != nil {
		t.Fatal(err)
	}
	a := &app{env: os.Environ()}
	if l, _, err := a.present(g, "shop"); err == nil || !strings.Contains(err.Error(), `defines lab "mill" now`) {
		t.Errorf("lab %v answers for it: %v", l, err)
	}
	if _, _, err := a.present(g, filepath.Join(dir, "def")); err != nil {
		t.Error(err)
	}
}
