package cpu

// #cgo CFLAGS: -std=gnu11 -O3 -Wall -Wextra -Wno-psabi -Wno-unknown-pragmas
// #cgo LDFLAGS: -lm -lpthread
// #include <stdlib.h>
// #include "dispatch.h"
import "C"

import (
	"fmt"
	"os"
	"sync"
	"unsafe"
)

// ISA returns the instruction set that the kernels run on: "avx512", "avx2" or "portable", the best
// that the machine has or the one that SHAKE_CPU names. The error says that SHAKE_CPU names an
// unknown set, or one that this machine lacks.
func ISA() (string, error) {
	err := chooseISA()
	return C.GoString(C.sk_isa.name), err
}

var chooseISA = sync.OnceValue(func() error {
	name := os.Getenv("SHAKE_CPU")
	if err := forceISA(name); err != nil {
		return fmt.Errorf("cpu: SHAKE_CPU=%s: %w", name, err)
	}
	return nil
})

// forceISA switches to another instruction set; "" is the best one. No operation may be running.
func forceISA(name string) error {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	switch C.sk_isa_select(s) {
	case -1:
		return fmt.Errorf("unknown instruction set; want avx512, avx2 or portable")
	case -2:
		return fmt.Errorf("this machine lacks it; leave SHAKE_CPU unset to use the best set there is")
	}
	return nil
}
