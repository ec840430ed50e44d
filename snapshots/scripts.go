package snapshots

import _ "embed" // for the scripts below

// The recipe's scripts: on the host as root of a namespace, and inside the
// image's first boot.
var (
	//go:embed recipe/setup.sh
	setupScript string
	//go:embed recipe/disk.sh
	diskScript string
	//go:embed recipe/finish.sh
	finishScript string
)
