package train

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]int{
		"step-0000000000.safetensors": 0, "step-0000000012.safetensors": 12, "step-9999999999.safetensors": 9999999999,
		"step-best.safetensors": -1, "step-12.safetensors": -1, "step-00000000012.safetensors": -1, "step--000000012.safetensors": -1,
		"step-0000000012.safetensors.bak": -1, "xstep-0000000012.safetensors": -1, "step-+000000012.safetensors": -1, "": -1,
	} {
		have, ok := stepOf(name)
		if !ok {
			have = -1
		}
		if have != want {
			t.Errorf("stepOf(%q) is %d, want %d", name, have, want)
		}
	}
	if stepName(12) != "step-0000000012.safetensors" {
		t.Error(stepName(12))
	}
	for name, want := range map[string]bool{
		".shake-0123456789abcdef.tmp": true, ".shake-01234567.tmp": false,
		".step-0000000012.safetensors.4711.tmp": true, ".run.json.0123456789abcdef.tmp": true, ".config.toml.1.tmp": true,
		".x.tmp": false, ".x.1.tmp": false, ".tmp": false, ".run.json.tmp": false, ".run.json..tmp": false, ".run.json.mine.tmp": false,
		".step-best.safetensors.1.tmp": false, "run.json.1.tmp": false, "thesis.tmp": false,
	} {
		if have := isTemp(name); have != want {
			t.Errorf("isTemp(%q) is %v", name, have)
		}
	}
	for name, want := range map[string]bool{
		"events.out.tfevents.1795897615.shake": true, "events.out.tfevents.1795897615.host": false, "events.out.tfevents..shake": false,
		"events.out.tfevents.1.shake.bak": false,
	} {
		if have := isEvents(name); have != want {
			t.Errorf("isEvents(%q) is %v", name, have)
		}
	}
}

// TestOwn: every file that a run makes is its own, by its path and through links, and no other is.
func TestOwn(t *testing.T) {
	root := tempDir(t)
	dir := filepath.Join(root, "run")
	o := options(t, dir)
	o.plain = false
	mustRun(t, o)
	link := func(name, to string) string {
		path := filepath.Join(root, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	linked := link("linked", "run")
	count := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		count++
		name, _ := filepath.Rel(dir, path)
		for _, p := range []string{path, filepath.Join(linked, name), link("to-"+e.Name(), filepath.Join("run", name)), link("again-"+e.Name(), "to-"+e.Name())} {
			if !Own(p) {
				t.Errorf("%s is not the run's own", p)
			}
		}
		return nil
	})
	if err != nil || count < 9 {
		t.Errorf("%d files, %v", count, err)
	}
	for _, name := range []string{WeightsFile, AverageFile, GPUSamplesFile, "state/step-0000000099.safetensors"} {
		if !Own(filepath.Join(linked, name)) { // it may not exist yet
			t.Errorf("%s is not the run's own", name)
		}
	}
	if err := os.WriteFile(filepath.Join(root, ConfigFile), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{
		"run/mine.safetensors", "run/state/best.safetensors", "run/step-0000000016.safetensors", "run/state/last.safetensors",
		"last.safetensors", "nowhere/last.safetensors", "curves.svg", "config.toml",
	} {
		if Own(filepath.Join(root, p)) {
			t.Errorf("%s is the run's own", p)
		}
	}
	t.Chdir(filepath.Join(dir, StateDir))
	if name := filepath.Base(generations(t, dir)[0]); !Own(name) || !Own("../"+WeightsFile) {
		t.Error("relative paths within the run")
	}
}

// TestForeignFiles trains in a directory whose name would match another run's as a pattern, beside
// the user's own files. It reads, writes and deletes only the run's own files, and the run can be
// resumed.
func TestForeignFiles(t *testing.T) {
	root := tempDir(t)
	whole := filepath.Join(root, "whole")
	mustRun(t, options(t, whole))
	want := result(t, whole)
	for _, name := range []string{"exp[12]", "exp*", "exp?", `exp\1`, "exp[", "-", "exp 1", "exp\n1"} {
		t.Run(name, func(t *testing.T) {
			root := tempDir(t)
			others := map[string][]byte{}
			for _, other := range []string{"exp1", "exp2", "exp"} {
				mustRun(t, options(t, filepath.Join(root, other)))
			}
			dir := filepath.Join(root, name)
			mustRun(t, options(t, dir, "train.max_steps=6"))
			foreign := []string{"step-best.safetensors", ".x.tmp", ".x.1.tmp", "step-12.safetensors", "step-0000000099.safetensors.bak", "notes.txt"}
			for _, f := range foreign {
				for _, d := range []string{dir, filepath.Join(dir, StateDir)} {
					if err := os.WriteFile(filepath.Join(d, f), []byte("mine"), 0o666); err != nil {
						t.Fatal(err)
					}
				}
			}
			filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
				if in, _ := filepath.Rel(dir, path); !e.IsDir() && (in[0] == '.' && in[1] == '.' || slices.Contains(foreign, e.Name())) {
					others[path], _ = os.ReadFile(path)
				}
				return err
			})
			o := options(t, dir)
			o.Resume = true
			mustRun(t, o)
			same(t, result(t, dir), want)
			if len(others) < 3*7+2*len(foreign) {
				t.Fatalf("only %d files to look after", len(others))
			}
			for path, w := range others {
				if h, err := os.ReadFile(path); err != nil || string(h) != string(w) {
					t.Errorf("%s was touched: %v", path, err)
				}
			}
		})
	}
}
