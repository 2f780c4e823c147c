// Package nets holds the networks of the paper, one TOML file each, embedded in the program.
package nets

import (
	"embed"

	"shake/dsl"
)

//go:embed *.toml
var files embed.FS

var loader = dsl.Loader{Builtin: files}

// Load returns the built-in network of that name, or the one in that file, with overrides such as "train.lr=0.1" applied: see dsl.Loader.Load.
func Load(nameOrPath string, overrides ...string) (*dsl.Spec, error) {
	return loader.Load(nameOrPath, overrides...)
}

// Exists reports whether Load would find nameOrPath.
func Exists(nameOrPath string) bool { return loader.Exists(nameOrPath) }

// Names returns the names of the built-in networks, sorted.
func Names() []string { return loader.Names() }
