// Package cudnntest lets tests ask the real cuDNN on a machine without a card, by a libcuda.so.1
// that does nothing, and descriptions of cards.
//
// The libraries come from a folder made by pip install --target; SHAKE_NVIDIA names it, and without
// it such tests skip. The tests need a process that has opened no other libcuda: name them
// TestReal..., and run them by SHAKE_NVIDIA=folder go test -run Real.
package cudnntest

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"shake/cudnn"
)

// cards describes each card in cuDNN's own form. The figures are from data sheets and memory.
//
//go:embed devices
var cards embed.FS

//go:embed libcuda.c.txt
var source string

// stub compiles the libcuda.so.1 once a process and points the search for libraries at it and at
// the wheels.
var stub = sync.OnceValues(func() (skip string, err error) {
	root := os.Getenv("SHAKE_NVIDIA")
	if root == "" {
		return "SHAKE_NVIDIA names no folder of NVIDIA's wheels, so the real cuDNN was not tried", nil
	}
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		return "", errors.New("no C compiler to make a libcuda.so.1 with")
	}
	dir, err := os.MkdirTemp("", "shake-libcuda")
	if err != nil {
		return "", err
	}
	c := exec.Command(cc, "-shared", "-fPIC", fmt.Sprintf("-DDRIVER=%d", driver(root)), "-x", "c", "-", "-o", filepath.Join(dir, "libcuda.so.1"), "-Wl,-soname,libcuda.so.1")
	c.Stdin = strings.NewReader(source)
	if out, err := c.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: cc + ": " + string(out), Err: err}
	}
	return "", os.Setenv("SHAKE_LIBRARY_PATH", dir+":"+root)
})

// driver is the version of CUDA that the libcuda.so.1 reports, 13000 for CUDA 13.0: the version of
// the oldest driver that fits the NVRTC in the folder.
func driver(root string) int {
	files, _ := fs.Glob(os.DirFS(root), "nvidia/*/lib/libnvrtc-builtins.so.*")
	for _, f := range files {
		var major, minor int
		if _, err := fmt.Sscanf(path.Base(f), "libnvrtc-builtins.so.%d.%d", &major, &minor); err == nil {
			return 1000*major + 10*minor
		}
	}
	return 13000
}

// described is a card's description, on a machine with such a driver.
func described(card string) ([]byte, error) {
	properties, err := cards.ReadFile("devices/" + card + ".json")
	version := fmt.Sprintf(`"driverVer": %d`, driver(os.Getenv("SHAKE_NVIDIA")))
	return bytes.Replace(properties, []byte(`"driverVer": 13000`), []byte(version), 1), err
}

// Offline returns a handle of the real cuDNN for a described card: "a100", "h100", "b200",
// "rtx4090". It skips the test where the library is missing.
func Offline(tb testing.TB, card string) *cudnn.Handle {
	tb.Helper()
	skip, err := stub()
	if skip != "" {
		tb.Skip(skip)
	}
	if err != nil {
		tb.Fatal(err)
	}
	properties, err := described(card)
	if err != nil {
		tb.Fatal(err)
	}
	h, err := cudnn.Offline(properties)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := h.Close(); err != nil {
			tb.Errorf("closing the handle: %v", err)
		}
	})
	return h
}
