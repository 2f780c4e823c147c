package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"shake/dsl"
	"shake/internal/report"
)

// app is the command's world: its input, its data (out) and its progress (err).
type app struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command line and returns the exit code. It never exits itself, and errors go to
// stderr.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin, stdout, stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return exitOK
	}
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{classify(err), err}
	}
	if f.err != nil {
		// The whole of err is printed: a text around a fault may have the remedy.
		say(stderr, prefix(err)+report.Plain(strings.TrimRight(err.Error(), "\n"))+"\n", f.code == exitInterrupted)
	}
	return f.code
}

// prefix is the text in front of an error: nothing before the mistakes of a network, so that each
// of their lines begins with its place, as an editor reads it.
func prefix(err error) string {
	var mistakes dsl.Errors
	if errors.As(err, &mistakes) && err.Error() == mistakes.Error() {
		return ""
	}
	return "shake: "
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "shake",
		Short: "Train Shake-Shake networks from TOML files",
		Long: `shake trains Shake-Shake networks, and any multi-branch convolutional network
that its TOML language can say. Start with:

  shake run quick            a small net on the built-in data: about two minutes
  shake show 26-2x32d        what a network consists of
  shake run 26-2x32d         the paper's recipe on CIFAR-10 (see shake data fetch)`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          verb,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },

		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return given(c, pathFlags(c)...) },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return exit(exitUsage, fmt.Errorf("%w; see %q", err, c.CommandPath()+" --help"))
	})
	root.Version = version
	root.SetVersionTemplate("shake {{.Version}}\n")
	root.SetHelpCommand(helpCmd())
	root.AddCommand(a.runCmd(), a.sweepCmd(), a.reportCmd(), a.runsCmd(), a.showCmd(), a.profileCmd(), a.evalCmd(), a.correlateCmd(), a.exportCmd(), a.dataCmd(), a.devicesCmd(), a.monitorCmd(), a.versionCmd(), a.rankCmd(),
		&cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: "shake exits with one of:\n\n" + exitCodes})
	return root
}

// helpCmd is cobra's help, but a topic that does not exist is an error.
func helpCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB]",
		Short: "Help about a verb",
		ValidArgsFunction: func(c *cobra.Command, _ []string, _ string) (names []string, d cobra.ShellCompDirective) {
			for _, sub := range c.Root().Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, sub.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			topic, rest, err := c.Root().Find(args)
			if err == nil && len(rest) > 0 {
				err = verb(topic, rest)
			}
			if err != nil {
				return err
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// verb is the argument check of a command that only has verbs below it.
func verb(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	c.SuggestionsMinimumDistance = 2
	msg := fmt.Sprintf("unknown verb %q; see %q", args[0], c.CommandPath()+" --help")
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		msg += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return exit(exitUsage, errors.New(msg))
}

// takes is the argument check of a verb that needs exactly the named arguments.
func takes(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		want := strings.Join(names, " ")
		if want == "" {
			want = "no arguments"
		}
		return exit(exitUsage, fmt.Errorf("%s: want %s, have %s; see %q", c.Name(), want, report.Plural(len(args), "argument"), c.CommandPath()+" --help"))
	}
}

// exclusive is an error if more than one of the flags was given.
func exclusive(c *cobra.Command, flags ...string) error {
	var given []string
	for _, f := range flags {
		if c.Flags().Changed(f) {
			given = append(given, "--"+f)
		}
	}
	if len(given) < 2 {
		return nil
	}
	return exit(exitUsage, fmt.Errorf("%s: only one of %s at a time", c.Name(), strings.Join(given, ", ")))
}

// pathFlags are the flags of a verb that name files or folders, by their usage.
func pathFlags(c *cobra.Command) (names []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if what, _ := pflag.UnquoteUsage(f); slices.Contains([]string{"file", "folder", "directory", "URL"}, what) {
			names = append(names, f.Name)
		}
	})
	return names
}

// given is an error if one of the flags was given with an empty value, as from an unset variable.
func given(c *cobra.Command, flags ...string) error {
	for _, f := range flags {
		values := []string{c.Flag(f).Value.String()}
		if list, ok := c.Flag(f).Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if c.Flags().Changed(f) && slices.Contains(values, "") {
			return exit(exitUsage, fmt.Errorf("--%s is empty: give it a value or leave it out", f))
		}
	}
	return nil
}

// ends refuses a file name whose ending is not that of its content. Standard output, devices, pipes
// and links are not checked.
func ends(file, ending string) error {
	if file == "-" || filepath.Ext(file) == ending {
		return nil
	}
	if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
		return nil // files.Write reports a folder
	}
	return exit(exitUsage, fmt.Errorf("%s: want a name that ends in %s", file, ending))
}

// pictureFormat is the format of a picture by its file's name; "" if it is none.
func pictureFormat(file string) string {
	if ext := filepath.Ext(file); ext == ".svg" || ext == ".png" {
		return ext[1:]
	}
	return ""
}

// checkFigures refuses files of --figure whose names say no format of pictures, and ones that could
// not be written.
func checkFigures(figures []string) error {
	for _, file := range figures {
		if pictureFormat(file) == "" {
			return exit(exitUsage, fmt.Errorf("--figure %s: want a name that ends in .svg or .png", file))
		}
		if err := writable(file); err != nil {
			return err
		}
	}
	return nil
}

// printJSON writes v, indented, as the command's data.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
