// Package nets holds the networks of the paper, one TOML file each, and its tables and figures as
// sweeps, in the folder paper. All are embedded in the program.
package nets

import (
	"embed"
	"io/fs"

	"shake/dsl"
)

//go:embed *.toml paper/*.toml
var files embed.FS

var loader = dsl.Loader{Builtin: files, Sweeps: sweeps()}

func sweeps() fs.FS {
	sub, err := fs.Sub(files, "paper")
	if err != nil { // only of a name that is no path
		panic(err)
	}
	return sub
}

// Load returns the built-in network of that name, or the one in that file, with overrides such as
// "train.lr=0.1" applied: see dsl.Loader.Load.
func Load(nameOrPath string, overrides ...string) (*dsl.Spec, error) {
	return loader.Load(nameOrPath, overrides...)
}

// Parse is Load for the text of a network of that name.
func Parse(name string, text []byte) (*dsl.Spec, error) { return loader.Parse(name+".toml", text) }

// Names returns the names of the built-in networks, sorted.
func Names() []string { return loader.Names() }

// LoadSweep returns the built-in sweep of that name, or the one in that file, with overrides laid
// over every row: see dsl.Loader.LoadSweep.
func LoadSweep(nameOrPath string, overrides ...string) (*dsl.Sweep, error) {
	return loader.LoadSweep(nameOrPath, overrides...)
}

// ParseSweep is LoadSweep for a text in memory: see dsl.Loader.ParseSweep.
func ParseSweep(file string, text []byte, overrides ...string) (*dsl.Sweep, error) {
	return loader.ParseSweep(file, text, overrides...)
}

// SweepNames returns the names of the built-in sweeps, sorted.
func SweepNames() []string { return loader.SweepNames() }
