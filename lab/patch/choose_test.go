package patch

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/lab"
)

func names(debs []deb) (list []string) {
	for _, d := range debs {
		list = append(list, d.id())
	}
	return list
}

func TestChoose(t *testing.T) {
	archs := []string{"amd64", "i386"}
	d := func(fields string) (d deb) {
		if !d.read(fields, archs) {
			t.Fatal(fields)
		}
		return d
	}
	apache := d("Package: apache2\nVersion: 2\nArchitecture: amd64\nDepends: apache2-bin (= 2), perl:any\nPre-Depends: init-tools | sysv\n")
	bin := d("Package: apache2-bin\nVersion: 2\nArchitecture: amd64\n")
	dev := d("Package: apache2-dev\nVersion: 2\nArchitecture: amd64\nDepends: apache2 (= 2)\n")
	tools := d("Package: init-tools\nVersion: 2\nArchitecture: all\nDepends: base\n")
	arm := d("Package: apache2\nVersion: 2\nArchitecture: arm64\n")
	foreign := d("Package: apache2\nVersion: 2\nArchitecture: i386\n")
	st, err := parseState("apache2:amd64\t1\tinstall ok installed\napache2-bin:i386\t2\tdeinstall ok config-files\ninit-tools:amd64\t1\thold ok installed\n\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		debs          []deb
		installedOnly bool
		want          []string
		status        lab.PatchStatus
		message       string
	}{
		{"all", []deb{apache, bin, dev}, false, []string{"apache2:amd64", "apache2-bin:amd64", "apache2-dev:amd64"}, "", ""},
		{"installed and what it needs", []deb{dev, bin, apache, tools}, true, []string{"apache2-bin:amd64", "apache2:amd64", "init-tools:all"}, "", ""},
		{"now for all architectures", []deb{tools}, true, []string{"init-tools:all"}, "", ""},
		{"another architecture aside", []deb{arm, apache}, false, []string{"apache2:amd64"}, "", ""},
		{"foreign, not installed as such", []deb{foreign}, true, []string{"apache2:i386"}, "", ""},
		{"only another architecture", []deb{arm}, false, nil, lab.NotApplicable, "its packages are for arm64, the machine is amd64"},
		{"twice", []deb{apache, apache}, false, nil, lab.PatchFailed, "the patch has package apache2:amd64 in more than one file"},
		{"none installed", []deb{dev, bin}, true, nil, lab.NotApplicable, "none of its packages is installed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, o := choose(c.debs, st, c.installedOnly)
			if !slices.Equal(names(got), c.want) {
				t.Errorf("chosen %q, want %q", names(got), c.want)
			}
			if (o == nil) != (c.status == "") || o != nil && (o.Status != c.status || o.Message != c.message) {
				t.Errorf("outcome %+v, want %s %q", o, c.status, c.message)
			}
		})
	}
}

func TestDependsOn(t *testing.T) {
	d := deb{depends: "libc6 (>= 2.36), a|b [amd64] , c:any (= 1),perl"}
	for name, want := range map[string]bool{"libc6": true, "a": true, "b": true, "c": true, "perl": true, "any": false, "lib": false, "amd64": false, "per": false} {
		if d.dependsOn(name) != want {
			t.Errorf("%s: %t, want %t", name, !want, want)
		}
	}
}

const brokenPostinst = `Setting up plabtest (2.0) ...
about to fail
dpkg: error processing package plabtest (--configure):
 installed plabtest package post-installation script subprocess returned error exit status 7
Errors were encountered while processing:
 plabtest
E: Sub-process /usr/bin/dpkg returned an error code (1)
`

const diskFullOutput = `Unpacking plabtest (2.0) over (1.0) ...
dpkg: error processing archive /var/lib/patchlab-stage/X/001_plabtest.deb (--unpack):
 cannot copy extracted data for './srv/big' to '/srv/big.dpkg-new': failed to write (No space left on device)
dpkg-deb: error: paste subprocess was killed by signal (Broken pipe)
Errors were encountered while processing:
 /var/lib/patchlab-stage/X/001_plabtest.deb
E: Sub-process /usr/bin/dpkg returned an error code (1)
`

const damagedOutput = `Unpacking big (1) ...
dpkg-deb (subprocess): decompressing archive '/var/lib/patchlab-stage/X/001_big.deb' (size=3002088) member 'data.tar': lzma error: compressed data is corrupt
dpkg-deb: error: <decompress> subprocess returned error exit status 2
dpkg: error processing archive /var/lib/patchlab-stage/X/001_big.deb (--unpack):
 cannot copy extracted data for './srv/x' to '/srv/x.dpkg-new': unexpected end of file or stream
Errors were encountered while processing:
 /var/lib/patchlab-stage/X/001_big.deb
E: Sub-process /usr/bin/dpkg returned an error code (1)
`

const conflictOutput = `Unpacking c (1) ...
dpkg: error processing archive /var/lib/patchlab-stage/X/001_c.deb (--unpack):
 trying to overwrite '/usr/share/a/f', which is also in package a 1
dpkg-deb: error: paste subprocess was killed by signal (Broken pipe)
Errors were encountered while processing:
 /var/lib/patchlab-stage/X/001_c.deb
E: Sub-process /usr/bin/dpkg returned an error code (1)
`

func TestCause(t *testing.T) {
	for _, c := range []struct{ name, printed, want string }{
		{"maintainer script", brokenPostinst, "dpkg: error processing package plabtest (--configure): installed plabtest package post-installation script subprocess returned error exit status 7; its last words: about to fail"},
		{"unmet dependency", "The following packages have unmet dependencies:\n plabunmet : Depends: nosuch-lib (>= 3) but it is not installable\nE: Unable to correct problems, you have held broken packages.\n", "unmet dependency: plabunmet : Depends: nosuch-lib (>= 3) but it is not installable"},
		{"downgrade", "The following packages will be DOWNGRADED:\n  plabtest\n0 upgraded\nE: Packages were downgraded and -y was used without --allow-downgrades.\n", "apt-get refuses to downgrade plabtest"},
		{"downgrade in other words", "E: Packages were downgraded and -y was used without --allow-downgrades.\n", "apt-get: Packages were downgraded and -y was used without --allow-downgrades."},
		{"the error that says more", "E: Sub-process x\nE: Write error: no space\n", "apt-get: Write error: no space"},
		{"only a vague one", "E: Sub-process /usr/bin/dpkg exited unexpectedly\n", "apt-get: Sub-process /usr/bin/dpkg exited unexpectedly"},
		{"carriage returns", "(Reading database ... 5%\rdpkg: error: disk full\r\n", "dpkg: error: disk full"},
		{"a disk without room", diskFullOutput, "the machine's disk is full: cannot copy extracted data for './srv/big' to '/srv/big.dpkg-new': failed to write (No space left on device)"},
		{"no room for apt", "E: You don't have enough free space in /var/cache/apt/archives/.\n", "the machine's disk is full: You don't have enough free space in /var/cache/apt/archives/."},
		{"truncated", "Reading package lists...\nE: Invalid archive member header\nE: Could not read meta data from /var/lib/patchlab-stage/X/001_half.deb\nE: The package lists or status file could not be parsed or opened.\n", "package file half.deb is truncated or damaged: Invalid archive member header"},
		{"damaged", damagedOutput, "package file big.deb is truncated or damaged: lzma error: compressed data is corrupt"},
		{"a file of another package", conflictOutput, "dpkg: error processing archive /var/lib/patchlab-stage/X/001_c.deb (--unpack): trying to overwrite '/usr/share/a/f', which is also in package a 1"},
		{"a question without a line end", "Setting up plabtest (2.0) ...\nContinue? [y/N] dpkg: error processing package plabtest (--configure):\n installed plabtest package post-installation script subprocess returned error exit status 1\n", "dpkg: error processing package plabtest (--configure): installed plabtest package post-installation script subprocess returned error exit status 1; it asked, and nobody can answer: Continue? [y/N]"},
		{"a silent script", strings.Replace(brokenPostinst, "about to fail\n", "", 1), "dpkg: error processing package plabtest (--configure): installed plabtest package post-installation script subprocess returned error exit status 7"},
		{"a conffile", "dpkg: error processing package plabtest (--configure):\n end of file on stdin at conffile prompt\n", "dpkg: error processing package plabtest (--configure): end of file on stdin at conffile prompt"},
		{"a newer apt", "Unsatisfied dependencies:\n plabunmet : Depends: nosuch-lib (>= 3) but it is not installable\nError: Unable to correct problems, you have held broken packages.\n", "unmet dependency: plabunmet : Depends: nosuch-lib (>= 3) but it is not installable"},
		{"a newer apt downgrades", "DOWNGRADING:\n  plabtest\n\nError: Packages were downgraded and -y was used without --allow-downgrades.\n", "apt-get refuses to downgrade plabtest"},
		{"held", "E: Held packages were changed and -y was used without --allow-change-held-packages.\n", "apt-get: Held packages were changed and -y was used without --allow-change-held-packages."},
		{"something else", "oops\n\n", "oops"},
		{"nothing", "", "apt-get failed without a word"},
	} {
		if got := cause(c.printed); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzGuestReplies(f *testing.F) {
	f.Add(brokenPostinst)
	f.Add("a:all\t1\tinstall ok installed\n\naudit")
	f.Add("Package: a\nVersion: 1\nArchitecture: all\nDepends: b | c\n")
	f.Add("The following packages have unmet dependencies")
	f.Add("dpkg: error:")
	f.Add(sameContent)
	f.Add("Inst a [1] (2 x [all])\nRemv b [1]\n")
	f.Add("amd64\n\nVERSION_CODENAME=x\n")
	f.Fuzz(func(t *testing.T, s string) {
		if cause(s) == "" {
			t.Error("no cause")
		}
		var d deb
		if d.read(s, []string{"amd64"}) && (d.name == "" || d.version == "") {
			t.Errorf("%+v", d)
		}
		d.dependsOn("x")
		for _, st := range parseSteps(s) {
			if st.name == "" || st.old == "" && st.version == "" {
				t.Errorf("%+v", st)
			}
		}
		if list, err := parseContents(s, []deb{d}); err == nil && len(list) != 1 {
			t.Errorf("%+v", list)
		}
		var fa facts
		if fa.parse(s) == nil && (!codeWord.MatchString(fa.release) || len(fa.archs) == 0) {
			t.Errorf("%+v", fa)
		}
		if st, err := parseState(s); err == nil && len(changes(st, st)) != 0 {
			t.Error("a state differs from itself")
		}
	})
}
