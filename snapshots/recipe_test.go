package snapshots

import (
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func TestBootstrapArgs(t *testing.T) {
	b := testBuild()
	b.Packages = []string{"postgresql-15", "apache2"}
	sources := []aptSource{{Site: "mirror+file:/etc/m", Release: "bookworm", SignedBy: "/k.gpg"}, {Site: "mirror+file:/etc/m", Release: "bookworm-updates"}}
	for name, root := range map[string]bool{"argv-root.txt": true, "argv-user.txt": false} {
		args := bootstrapArgs(b, root, sources, "/home/it's me/vmlinuz", "/home/it's me/initrd")
		text := strings.Join(args, "\n")
		text = strings.ReplaceAll(text, setupScript, "<setup.sh>")
		text = strings.ReplaceAll(text, diskScript, "<disk.sh>")
		golden(t, name, text+"\n")
	}
}

func TestLayout(t *testing.T) {
	golden(t, "sfdisk.txt", layout{MiB: 4096}.script())
	// The file system ends where its partition ends.
	if got := (layout{MiB: 4096}).rootMiB(); got != 4096-66-1 {
		t.Errorf("root has %d MiB", got)
	}
}

func TestRecipeKey(t *testing.T) {
	key := func(change func(*lab.Build)) string {
		b := testBuild()
		change(b)
		return recipeKey(b)
	}
	same := key(func(*lab.Build) {})
	if got := key(func(b *lab.Build) { b.Packages = []string{"apache2", "apache2"} }); got != same {
		t.Error("a package that is named twice makes another image")
	}
	seen := map[string]string{same: "nothing"}
	for name, change := range map[string]func(*lab.Build){
		"package": func(b *lab.Build) { b.Packages = append(b.Packages, "php") },
		"release": func(b *lab.Build) { b.Release = "trixie" },
		"pocket":  func(b *lab.Build) { b.Pockets = append(b.Pockets, "security") },
		"disk":    func(b *lab.Build) { b.DiskMiB++ },
		"distro":  func(b *lab.Build) { b.Distro = "ubuntu" },
	} {
		k := key(change)
		if other, ok := seen[k]; ok {
			t.Errorf("changing %s makes the same image as changing %s", name, other)
		}
		seen[k] = name
	}
}

func TestPickSource(t *testing.T) {
	const good = "http://mirror.example/debian|bookworm|bookworm|Debian|main|Packages|amd64\n"
	for name, tt := range map[string]struct{ targets, release, want string }{
		"plain":          {good, "bookworm", "http://mirror.example/debian"},
		"first":          {good + strings.ReplaceAll(good, "mirror", "other"), "bookworm", "http://mirror.example/debian"},
		"by suite":       {"https://m.example|stable|trixie|Debian|main|Packages|amd64\n", "trixie", "https://m.example"},
		"other release":  {good, "trixie", ""},
		"other origin":   {strings.ReplaceAll(good, "|Debian|", "|Example|"), "bookworm", ""},
		"other part":     {strings.ReplaceAll(good, "|main|", "|contrib|"), "bookworm", ""},
		"not packages":   {strings.ReplaceAll(good, "|Packages|", "|DEP-11|"), "bookworm", ""},
		"other machines": {strings.ReplaceAll(good, "|amd64", "|i386"), "bookworm", ""},
		"cdrom":          {strings.ReplaceAll(good, "http:", "cdrom:"), "bookworm", ""},
		"options in it":  {strings.ReplaceAll(good, "/debian", "/d [trusted=yes]"), "bookworm", ""},
		"nothing":        {"", "bookworm", ""},
	} {
		got, ok := pickSource(tt.targets, tt.release)
		if got.Site != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %+v, %v; want %q", name, got, ok, tt.want)
		}
	}
}

func FuzzPickSource(f *testing.F) {
	f.Add("http://mirror.example/debian|bookworm|bookworm|Debian|main|Packages|amd64\n")
	f.Add("||||||\n|")
	f.Fuzz(func(t *testing.T, targets string) {
		src, ok := pickSource(targets, "bookworm")
		if ok && len(strings.Fields(src.line())) != 4 {
			t.Errorf("source %q is not of four words", src.line())
		}
	})
}
