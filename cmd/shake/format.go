package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"shake/internal/report"
)

// tableFormats are the values of --format.
var tableFormats = append(slices.Clone(report.Formats), "json")

// addFormat adds --format, and --json and --csv for short.
func addFormat(c *cobra.Command, format *string) {
	c.Flags().StringVar(format, "format", "text", "`form` of the table: "+strings.Join(tableFormats, ", "))
	c.Flags().Bool("json", false, "print JSON: --format json")
	c.Flags().Bool("csv", false, "print CSV: --format csv")
	c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(tableFormats, cobra.ShellCompDirectiveNoFileComp))
}

// checkFormat sets the form that was asked for, and refuses an unknown one.
func checkFormat(c *cobra.Command, format *string) error {
	if err := exclusive(c, "format", "json", "csv"); err != nil {
		return err
	}
	for _, short := range []string{"json", "csv"} {
		if on, err := c.Flags().GetBool(short); err == nil && on {
			*format = short
		}
	}
	if !slices.Contains(tableFormats, *format) {
		return exit(exitUsage, fmt.Errorf("--format %s: want %s", *format, strings.Join(tableFormats, ", ")))
	}
	return nil
}
