package hcl

// schema says what a block may hold.
type schema struct {
	attrs  []string // in the order of the documentation
	needed []string // those of attrs that must be there
	blocks map[string]nested
	apart  []string // blocks that could be looked for here, and stand by themselves
	open   bool     // any attribute: of locals
}

// nested is a block inside another.
type nested struct {
	body  *schema
	many  bool   // otherwise once at most
	label string // what its one label is, for messages; empty: no label
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
		"lab": {"name", &schema{
			attrs: []string{"client", "description"},
			blocks: map[string]nested{
				"watch":     {body: watchSchema()},
				"retention": {body: &schema{attrs: []string{"runs", "days"}}},
			},
		}},
		"variable": {"name", variableSchema()},
		"locals":   {"", &schema{open: true}},
		"image":    {"name", imageSchema()},
		"network": {"name", &schema{
			attrs:  []string{"subnet", "gateway", "domain", "mtu", "routed"},
			needed: []string{"subnet"},
		}},
		"machine": {"name", machineSchema()},
		"patch":   {"name", patchSchema()},
		"check":   {"name", checkSchema()},
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
			"for_each", "image", "memory", "cpus", "depends_on", "impact", "wave", "firmware", "bus", "nic_model", "boot_timeout",
		},
		needed: []string{"image"},
		blocks: map[string]nested{
			"nic": {many: true, body: &schema{
				attrs:  []string{"network", "address", "mac", "names"},
				needed: []string{"network"},
			}},
			"disk":  {many: true, body: &schema{attrs: []string{"size"}, needed: []string{"size"}}},
			"setup": {body: &schema{attrs: []string{"upload", "run", "timeout"}}},
			"watch": {body: watchSchema()},
		},
	}
}

func watchSchema() *schema { return &schema{attrs: []string{"paths", "commands"}} }

func patchSchema() *schema {
	return &schema{
		attrs: []string{
			"files", "packages", "manager", "script", "args", "interpreter", "confirm", "restart", "bundle",
			"targets", "reboot", "verify_reboot", "timeout",
		},
		needed: []string{"targets"},
		blocks: map[string]nested{
			"replace": {many: true, label: "destination on the machine", body: &schema{
				attrs: []string{"source", "owner", "mode"}, needed: []string{"source"},
			}},
			"backout": {body: &schema{attrs: []string{"script", "args", "required"}}},
			"expect":  {body: &schema{attrs: []string{"changes", "severity"}, needed: []string{"changes"}}},
		},
	}
}

// checkSchema has a block for each kind of check, and any and all, which hold
// those blocks in turn.
func checkSchema() *schema {
	blocks, members, apart := map[string]nested{}, map[string]nested{}, []string{"any", "all"}
	for _, k := range checkKinds() {
		blocks[k.name] = nested{body: k.body}
		if k.alone {
			apart = append(apart, k.name)
			continue
		}
		members[k.name] = nested{body: k.body, many: true}
	}
	blocks["any"] = nested{body: &schema{blocks: members, apart: apart}}
	blocks["all"] = blocks["any"]
	return &schema{
		attrs:  []string{"for_each", "from", "timeout", "retries", "interval", "severity"},
		blocks: blocks,
	}
}
