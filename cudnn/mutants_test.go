package cudnn

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"shake/internal/files/filestest"
)

// TestMutants: a spoilt entry of the cache is not used, and the report names its file.
func TestMutants(t *testing.T) {
	c, err := OpenCache(filepath.Join(t.TempDir(), "plans"))
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	c.Report = func(file, why string) { said = file + ": " + why }
	c.store("k", &entry{Card: "card", Version: "9.1.2", Operation: "op", Engine: "e1 STAGES=3", Config: EngineConfig{1, []Setting{{KnobStages, 3}}}, Plan: "plan\x01text"})
	whole, err := os.ReadFile(c.file("k"))
	if err != nil {
		t.Fatal(err)
	}
	filestest.Mutants(t, [][]byte{whole}, 1<<20, func(b []byte) error {
		if err := os.WriteFile(c.file("k"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		if said = ""; c.load("k") == nil {
			return errors.New(said)
		}
		return nil
	}, func(err error) bool { return strings.Contains(err.Error(), c.file("k")) })
}

// FuzzPlanCache: any content of an entry gives an entry, or a report that names the file. With seal
// set the content is given the right checksum, so that the checks behind it are reached.
func FuzzPlanCache(f *testing.F) {
	c, err := OpenCache(filepath.Join(f.TempDir(), "plans"))
	if err != nil {
		f.Fatal(err)
	}
	said := ""
	c.Report = func(file, why string) { said = file + ": " + why }
	c.store("k", &entry{Card: "card", Version: "9.1.2", Operation: "op", Engine: "e1 STAGES=3", Config: EngineConfig{1, []Setting{{KnobStages, 3}}}, Plan: "plan\x01text"})
	whole, err := os.ReadFile(c.file("k"))
	if err != nil {
		f.Fatal(err)
	}
	_, body, _ := strings.Cut(string(whole), "\n")
	for _, seed := range []string{body, "{}", "null", "[]", `{"Config":{"Engine":-1,"Knobs":[{"Knob":1e9,"Value":1}]}}`, `{"Plan":1}`} {
		f.Add([]byte(seed), true)
	}
	f.Add(whole, false)
	f.Fuzz(func(t *testing.T, b []byte, seal bool) {
		if seal {
			sum := sha256.Sum256(b)
			b = append([]byte(magic+hex.EncodeToString(sum[:])+"\n"), b...)
		}
		if err := os.WriteFile(c.file("k"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		if said = ""; (c.load("k") == nil) != strings.Contains(said, c.file("k")) {
			t.Fatalf("said %q", said)
		}
	})
}

// TestCacheOfOthers: a folder that other users may write is not used.
func TestCacheOfOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCache(dir); err == nil || !strings.Contains(err.Error(), "others may write to it") {
		t.Errorf("have %v", err)
	}
}
