package cuda

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// others are texts whose specs and tests stand with those of a neighbour.
var others = map[string][]string{
	"poolgrad": {"pool.go", "pool_test.go"},
}

// TestStems checks that a text with an entry point has that entry's name, and that the stem in
// front of a part (norm of norm_eval) has a file of its specs and a test. Texts without an entry
// point are parts of others.
func TestStems(t *testing.T) {
	entry := regexp.MustCompile(`(?s)extern "C" __global__ void.*?(\w+)\(\w`)
	names, err := fs.Glob(texts, "*.cu")
	if err != nil || len(names) < 20 {
		t.Fatalf("%d texts, error %v", len(names), err)
	}
	for _, file := range names {
		b, err := texts.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(file, ".cu")
		m := entry.FindSubmatch(regexp.MustCompile(`__launch_bounds__\(.*?\)|//.*`).ReplaceAll(b, nil))
		if m == nil {
			continue
		}
		if string(m[1]) != name {
			t.Errorf("%s: its entry point is %s", file, m[1])
		}
		stem, _, _ := strings.Cut(name, "_")
		beside := []string{stem + ".go", stem + "_test.go"}
		if of, ok := others[name]; ok {
			beside = of
		}
		for _, beside := range beside {
			if _, err := os.Stat(beside); err != nil {
				t.Errorf("%s: no %s", file, beside)
			}
		}
	}
}
