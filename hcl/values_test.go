package hcl_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/patchlab/patchlab/hcl"
	"github.com/patchlab/patchlab/lab"
)

// small is a valid lab to add to.
const small = `
lab "t" {
  description = local.result
}
image "i" {
  build {
    distro  = "debian"
    release = "bookworm"
  }
}
network "n" { subnet = "10.0.0.0/24" }
machine "m" {
  image = image.i
  nic { network = network.n }
}
`

// load loads the small lab with more of a definition.
func load(t *testing.T, more string, o hcl.Options) *lab.Lab {
	t.Helper()
	l, d := hcl.Load(write(t, map[string]string{"lab.hcl": small + more}), o)
	if d.HasErrors() {
		t.Fatal(d)
	}
	return l
}

func TestPrecedence(t *testing.T) {
	files := write(t, map[string]string{"1.tfvars": `x = "file 1"`, "2.tfvars": `x = "file 2"`})
	env := []string{"PATCHLAB_VAR_x=env", "PATCHLAB_VAR_other=1", "x=no"}
	one, two := filepath.Join(files, "1.tfvars"), filepath.Join(files, "2.tfvars")
	for want, o := range map[string]hcl.Options{
		"default": {},
		"env":     {Environ: env},
		"file 1":  {Environ: env, VarFiles: []string{one}},
		"file 2":  {Environ: env, VarFiles: []string{one, two}},
		"var 1":   {Environ: env, VarFiles: []string{one, two}, Vars: []string{"x=var 1"}},
		"a=b":     {Vars: []string{"x=var 1", "x=a=b"}},
	} {
		l := load(t, "variable \"x\" { default = \"default\" }\nlocals { result = var.x }\n", o)
		if l.Description != want {
			t.Errorf("%+v: x is %q, want %q", o, l.Description, want)
		}
	}
}

// TestFunctions evaluates one expression for each function.
func TestFunctions(t *testing.T) {
	cases := map[string]string{
		`abs(-2)`:                                 "2",
		`alltrue([true, false])`:                  "false",
		`anytrue([true, false])`:                  "true",
		`base64decode(base64encode("hé"))`:        "hé",
		`can(tonumber("x"))`:                      "false",
		`ceil(1.2) + floor(1.8)`:                  "3",
		`chomp("x\n")`:                            "x",
		`cidrhost("10.1.2.0/24", 5)`:              "10.1.2.5",
		`cidrhost("10.1.2.0/24", -2)`:             "10.1.2.254",
		`cidrnetmask("10.1.2.0/20")`:              "255.255.240.0",
		`cidrnetmask("0.0.0.0/0")`:                "0.0.0.0",
		`cidrsubnet("10.0.0.0/8", 8, 255)`:        "10.255.0.0/16",
		`cidrsubnet("0.0.0.0/0", 32, 4294967295)`: "255.255.255.255/32",
		`coalesce(null, "", "c")`:                 "c",
		`join(",", compact(["a", "", "b"]))`:      "a,b",
		`join(",", concat(["a"], ["b"]))`:         "a,b",
		`contains(["a"], "a")`:                    "true",
		`join(",", distinct(["a", "b", "a"]))`:    "a,b",
		`element(["a", "b"], 3)`:                  "b",
		`endswith("abc", "bc")`:                   "true",
		`join(",", flatten([["a"], ["b"]]))`:      "a,b",
		`format("%s-%02d", "x", 7)`:               "x-07",
		`jsonencode({ a = [1, "b"] })`:            `{"a":[1,"b"]}`,
		`jsondecode("{\"a\":\"b\"}").a`:           "b",
		`join(",", keys({ b = 1, a = 2 }))`:       "a,b",
		`length("héé")`:                           "3",
		`length([1, 2]) + length({ a = 1 })`:      "3",
		`lookup({ a = "x" }, "b", "y")`:           "y",
		`lower("AB")`:                             "ab",
		`upper("ab")`:                             "AB",
		`max(1, 3) - min(1, 3)`:                   "2",
		`merge({ a = "x" }, { a = "y" }).a`:       "y",
		`join(",", range(3))`:                     "0,1,2",
		`regex("[0-9]+", "ab12")`:                 "12",
		`replace("a.b", ".", "-")`:                "a-b",
		`replace("a1b2", "/[0-9]/", "")`:          "ab",
		`join(",", reverse(["a", "b"]))`:          "b,a",
		`join(",", setunion(["b"], ["a"]))`:       "a,b",
		`sha256("")`:                              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		`sha1("")`:                                "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		`length(sha512(""))`:                      "128",
		`join(",", slice(["a", "b", "c"], 1, 2))`: "b",
		`join(",", sort(["b", "a"]))`:             "a,b",
		`join(",", split(".", "a.b"))`:            "a,b",
		`startswith("abc", "ab")`:                 "true",
		`strcontains("abc", "b")`:                 "true",
		`substr("hello", 1, 3)`:                   "ell",
		`sum([1, 2.5])`:                           "3.5",
		`title("hello world")`:                    "Hello World",
		`tobool("true")`:                          "true",
		`tolist(toset(["b", "a"]))[0]`:            "a",
		`tomap({ a = "x" }).a`:                    "x",
		`tonumber("5") + 1`:                       "6",
		`tostring(5)`:                             "5",
		`trim("xax", "x")`:                        "a",
		`trimprefix("abc", "a")`:                  "bc",
		`trimsuffix("abc", "c")`:                  "ab",
		`trimspace(" a ")`:                        "a",
		`try(tonumber("x"), "y")`:                 "y",
		`urlencode("a b&c")`:                      "a+b%26c",
		`join(",", values({ b = 1, a = 2 }))`:     "2,1",
		`zipmap(["a"], ["b"]).a`:                  "b",
		`nonsensitive(sensitive("x"))`:            "x",
		`"${machine.m.name}.${network.n.domain} ${network.n.gateway} ${image.i.name}"`: "m.n.lab 10.0.0.1 i",
	}
	for _, expr := range slices.Sorted(maps.Keys(cases)) {
		t.Run(expr, func(t *testing.T) {
			l := load(t, fmt.Sprintf("locals { result = %s }\n", expr), hcl.Options{})
			if l.Description != cases[expr] {
				t.Errorf("%s = %q, want %q", expr, l.Description, cases[expr])
			}
		})
	}
}

// TestSecretsAreCollected has sensitive values reach every kind of free text.
func TestSecretsAreCollected(t *testing.T) {
	l := load(t, `
variable "pw" {
  sensitive = true
}
variable "table" {
  sensitive = true
  type      = map(string)
}
locals { result = "" }
machine "x" {
  image = image.i
  nic { network = network.n }
  setup {
    run = ["login ${upper(var.pw)} now", join(" ", ["a", var.pw]), var.table.k]
  }
}
check "c" {
  http {
    url  = "http://m/${sha1(var.pw)}"
    body = var.pw == "x" ? "never-shown" : "sometimes"
  }
}
`, hcl.Options{Vars: []string{"pw=hunter2", `table={ k = "third" }`}})
	want := []string{"f3bbbd66a63d4bf1747940578ec3d0103530e21d", "a hunter2", "sometimes", "HUNTER2", "hunter2", "third"}
	if !slices.Equal(l.Secrets, want) {
		t.Errorf("secrets %q, want %q: longest first", l.Secrets, want)
	}
	if got := l.Redactor()("say hunter2 and HUNTER2"); strings.Contains(strings.ToLower(got), "hunter") {
		t.Errorf("redacted to %q", got)
	}
}
