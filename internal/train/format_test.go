package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestFormat1 resumes a run of the version before format 2 (testdata/format1, stopped within its
// third epoch). Its bits are those with which that version ended a run that was never stopped.
func TestFormat1(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the toy backend's arithmetic is Go's, which fuses products and sums on other processors")
	}
	dir := tempDir(t)
	if err := os.CopyFS(dir, os.DirFS("testdata/format1")); err != nil {
		t.Fatal(err)
	}
	o := options(t, dir, "train.log_steps=1")
	var l listener
	o.Resume, o.Observer = true, &l
	mustRun(t, o)
	if len(l.notices) > 0 || l.started[0].Step != 10 {
		t.Errorf("started %+v, notices %q", l.started, l.notices)
	}
	for file, want := range map[string]string{
		MetricsFile: "be922b6071f1445f6c1c1fbcb21d45b8361c0c9c9e6fc2a466b57ca99bd9598d",
		WeightsFile: "05bfe69236c896ba2ec7c41a133cdaff0937907b3936872c5174424fbe617154",
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is another than that version's", file)
		}
	}
	whole := tempDir(t)
	mustRun(t, options(t, whole, "train.log_steps=1"))
	same(t, result(t, dir), result(t, whole))
}

// rewrite changes the metadata of a checkpoint and gives it the right checksum again.
func rewrite(t *testing.T, path string, change func(meta map[string]string)) {
	t.Helper()
	ts, meta, err := readTensors(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	delete(meta, checksumKey)
	change(meta)
	if err := (store{}).write(path, func(w io.Writer) error { return encodeTensors(w, ts, meta) }); err != nil {
		t.Fatal(err)
	}
}

// TestLaterFormat refuses a checkpoint of a later version, names the format, and changes no file.
func TestLaterFormat(t *testing.T) {
	dir := tempDir(t)
	mustRun(t, options(t, dir, "train.max_steps=11"))
	rewrite(t, generations(t, dir)[0], func(meta map[string]string) { meta[formatKey] = strconv.Itoa(format + 1) })
	before := result(t, dir)
	o := options(t, dir)
	o.Resume = true
	_, err := Run(context.Background(), o)
	var later *Later
	if !errors.As(err, &later) || later.Format != format+1 || !strings.Contains(err.Error(), "step-0000000011.safetensors") || !strings.Contains(err.Error(), "later version") {
		t.Errorf("have %v", err)
	}
	same(t, result(t, dir), before)
}
