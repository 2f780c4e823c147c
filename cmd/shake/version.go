package main

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is the newest heading of CHANGELOG.md.
const version = "0.1.0"

// commit is the revision of the build, set by the linker (see Makefile). The Go tool's own record
// is not used: if the sources lie inside another repository, it names that one.
var commit string

// revision returns the commit of this binary, with "+" after it if the tree was modified, or
// "unknown".
func revision() string { return cmp.Or(commit, "unknown") }

func (a *app) versionCmd() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, the Go version and the platform",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version  string `json:"version"`
				Commit   string `json:"commit"`
				Go       string `json:"go"`
				Platform string `json:"platform"`
			}{version, revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
			if asJSON {
				return a.printJSON(v)
			}
			_, err := fmt.Fprintf(a.out, "shake %s, commit %s, %s, %s\n", v.Version, v.Commit, v.Go, v.Platform)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
