package lab

import "testing"

// The table of the design, row by row.
func TestClassify(t *testing.T) {
	pass, fail := &CheckResult{Passed: true}, &CheckResult{}
	tests := []struct {
		baseline, control, patched *CheckResult
		want                       Class
	}{
		{pass, pass, pass, ClassOK},
		{pass, fail, pass, ClassOK},
		{pass, nil, pass, ClassOK},
		{pass, pass, fail, ClassRegression},
		{pass, nil, fail, ClassRegression},
		{pass, fail, fail, ClassRebootInduced},
		{fail, pass, fail, ClassPreExisting},
		{fail, fail, fail, ClassPreExisting},
		{fail, nil, fail, ClassPreExisting},
		{fail, pass, pass, ClassFixed},
		{fail, fail, pass, ClassFixed},
		{pass, pass, nil, ClassNotRun},
		{nil, nil, nil, ClassNotRun},
		{nil, nil, pass, ClassNotRun},
	}
	for _, tt := range tests {
		if got := Classify(tt.baseline, tt.control, tt.patched); got != tt.want {
			t.Errorf("Classify(%v, %v, %v) = %s, want %s", tt.baseline, tt.control, tt.patched, got, tt.want)
		}
	}
}
