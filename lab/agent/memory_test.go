package agent

import "testing"

func TestParseRollup(t *testing.T) {
	const text = `55d0-7ffe ---p 00000000 00:00 0                          [rollup]
Rss:              900000 kB
Pss:              600000 kB
Pss_Dirty:             1 kB
Shared_Clean:     102400 kB
Shared_Dirty:       1024 kB
Private_Clean:     51200 kB
Private_Dirty:    204900 kB
Anonymous:        102400 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:    2048 kB
`
	got, ok := parseRollup([]byte(text))
	if want := (MemoryUse{PrivateMiB: 252, SharedMiB: 101, PSSMiB: 588, AnonMiB: 100}); got != want || !ok {
		t.Errorf("%+v, %v; want %+v", got, ok, want)
	}
	for _, text := range []string{"", "Pss: x kB\n", "Pss: 1\n", "\x00"} {
		if _, ok := parseRollup([]byte(text)); ok {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestMemoryOfNobody(t *testing.T) {
	if u, err := ProcessMemory(1 << 30); err == nil {
		t.Errorf("%+v", u)
	}
	if n := goodSpec().PrivateMiB(); n != 0 {
		t.Errorf("an instance without processes occupies %d MiB", n)
	}
}
