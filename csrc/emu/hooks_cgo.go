package emu

// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "hooks.h"
import "C"

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"unsafe"
)

// driver calls the hooks of the emulated libcuda.so.1.
type driver struct{}

var (
	hooks driver
	once  sync.Mutex
	open  bool
)

// openHooks finds the emulated driver in the first folder of SHAKE_LIBRARY_PATH that has one.
func openHooks() error {
	once.Lock()
	defer once.Unlock()
	if open {
		return nil
	}
	for _, folder := range filepath.SplitList(os.Getenv(PathVariable)) {
		path := filepath.Join(folder, "libcuda.so.1")
		if !exists(path) {
			continue
		}
		name := C.CString(path)
		defer C.free(unsafe.Pointer(name))
		var why [1024]C.char
		if C.sk_hooks_open(name, &why[0], C.size_t(len(why))) != 0 {
			return errors.New(C.GoString(&why[0]))
		}
		open = true
		return nil
	}
	return errors.New("no libcuda.so.1 in " + PathVariable)
}

func (driver) count(what string) int {
	s := C.CString(what)
	defer C.free(unsafe.Pointer(s))
	return int(C.sk_hooks_count(s))
}

func (driver) reset() { C.sk_hooks_reset() }

func (driver) set(settings string) {
	if settings == "" {
		C.sk_hooks_set(nil)
		return
	}
	s := C.CString(settings)
	defer C.free(unsafe.Pointer(s))
	C.sk_hooks_set(s)
}

func (driver) message() string {
	var text [4096]C.char
	C.sk_hooks_message(&text[0], C.size_t(len(text)))
	return C.GoString(&text[0])
}
