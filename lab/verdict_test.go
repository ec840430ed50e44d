package lab

import "testing"

// The table of the design, row by row.
func TestClassify(t *testing.T) {
	pass, fail := &CheckResult{Passed: true}, &CheckResult{}
	tests := []struct {
		baseline, control, patched, rerun *CheckResult
		want                              Class
	}{
		{pass, pass, pass, nil, ClassOK},
		{pass, fail, pass, nil, ClassOK},
		{pass, nil, pass, nil, ClassOK},
		{pass, pass, fail, nil, ClassRegression},
		{pass, nil, fail, nil, ClassRegression},
		{pass, fail, fail, nil, ClassRebootInduced},
		{fail, pass, fail, nil, ClassPreExisting},
		{fail, fail, fail, nil, ClassPreExisting},
		{fail, nil, fail, nil, ClassPreExisting},
		{fail, pass, pass, nil, ClassFixed},
		{fail, fail, pass, nil, ClassFixed},
		{pass, pass, nil, nil, ClassNotRun},
		{nil, nil, nil, nil, ClassNotRun},
		{nil, nil, pass, nil, ClassNotRun},
		// The re-run.
		{pass, pass, fail, fail, ClassRegression},
		{pass, pass, fail, pass, ClassFlaky},
		{pass, pass, pass, fail, ClassFlaky},
		{pass, pass, pass, pass, ClassOK},
		{pass, fail, fail, fail, ClassRebootInduced},
		{fail, nil, fail, fail, ClassPreExisting},
		{fail, nil, pass, pass, ClassFixed},
		{pass, pass, nil, fail, ClassNotRun},
	}
	for _, tt := range tests {
		if got := Classify(tt.baseline, tt.control, tt.patched, tt.rerun); got != tt.want {
			t.Errorf("Classify(%v, %v, %v, %v) = %s, want %s", tt.baseline, tt.control, tt.patched, tt.rerun, got, tt.want)
		}
	}
}
