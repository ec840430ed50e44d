package hcl

// schema says what a block may hold.
type schema struct {
	attrs  []string // in the order of the documentation
	needed []string // those of attrs that must be there
	blocks map[string]nested
	open   bool // any attribute: of locals
}

// nested is a block inside another.
type nested struct {
	body *schema
	many bool // otherwise once at most
}

// topLevel is a block of a file.
type topLevel struct {
	label string // what its one label is, for messages; empty: no label
	body  *schema
}

// language is every block of a file. It is a function and not a variable so
// that nothing can change it.
func language() map[string]topLevel {
	return map[string]topLevel{
		"lab":      {"name", &schema{attrs: []string{"client", "description"}}},
		"variable": {"name", variableSchema()},
		"locals":   {"", &schema{open: true}},
		"image":    {"name", imageSchema()},
		"network": {"name", &schema{
			attrs:  []string{"subnet", "gateway", "domain", "mtu", "routed"},
			needed: []string{"subnet"},
		}},
		"machine": {"name", machineSchema()},
		"patch": {"name", &schema{
			attrs:  []string{"files", "script", "args", "targets", "reboot", "timeout"},
			needed: []string{"targets"},
		}},
		"check": {"name", checkSchema()},
	}
}

func variableSchema() *schema {
	return &schema{
		attrs: []string{"type", "default", "description", "sensitive"},
		blocks: map[string]nested{"validation": {many: true, body: &schema{
			attrs:  []string{"condition", "error_message"},
			needed: []string{"condition", "error_message"},
		}}},
	}
}

func imageSchema() *schema {
	return &schema{
		attrs: []string{"source", "sha256", "os"},
		blocks: map[string]nested{"build": {body: &schema{
			attrs:  []string{"distro", "release", "packages", "pockets", "disk_size"},
			needed: []string{"distro", "release"},
		}}},
	}
}

func machineSchema() *schema {
	return &schema{
		attrs: []string{
			"for_each", "image", "memory", "cpus", "depends_on", "impact", "firmware", "bus", "nic_model", "boot_timeout",
		},
		needed: []string{"image"},
		blocks: map[string]nested{
			"nic": {many: true, body: &schema{
				attrs:  []string{"network", "address", "mac", "names"},
				needed: []string{"network"},
			}},
			"disk":  {many: true, body: &schema{attrs: []string{"size"}, needed: []string{"size"}}},
			"setup": {body: &schema{attrs: []string{"upload", "run", "timeout"}}},
		},
	}
}

func checkSchema() *schema {
	return &schema{
		attrs: []string{"for_each", "from", "timeout", "retries", "interval", "severity"},
		blocks: map[string]nested{
			"command": {body: &schema{
				attrs: []string{"run", "exit_code", "stdout", "stderr"}, needed: []string{"run"},
			}},
			"tcp": {body: &schema{
				attrs: []string{"host", "port", "send", "expect"}, needed: []string{"host", "port"},
			}},
			"http": {body: &schema{
				attrs:  []string{"url", "method", "headers", "send", "status", "body", "header", "redirects", "insecure"},
				needed: []string{"url"},
			}},
			"service": {body: &schema{
				attrs: []string{"unit", "active", "enabled"}, needed: []string{"unit"},
			}},
			"dns": {body: &schema{
				attrs: []string{"name", "type", "server", "answers", "rcode"}, needed: []string{"name"},
			}},
		},
	}
}
